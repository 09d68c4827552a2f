/** The process of one mutant: runs schedules, seed after seed, until one of them is red. */
import { mutants } from "./all-mutants.ts";
import { install } from "./install.ts";
import type { MutantMessage, MutantOrder } from "./messages.ts";

const { mutant: name, schedulesMax, limitMs } = JSON.parse(process.argv[2] ?? "{}") as MutantOrder;

const tell = (message: MutantMessage): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined) throw new TypeError("This program is started by the runner of mutants.");
    process.send(message, () => resolve());
  });

function seen(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A process that nobody ends is gone after this many milliseconds. */
const unheardMs = 30_000;

/** A mutant that shows at some calls only is looked for everywhere in this many schedules. */
const aimlessSchedules = 50;

let isFinished = false;

/** Tells how it ended. Whoever is told ends the process: one that ended itself might be gone before it was heard. */
async function finish(message: MutantMessage): Promise<void> {
  if (isFinished) return;
  isFinished = true;
  await tell(message);
  setTimeout(() => process.exit(1), unheardMs);
}

process.on("uncaughtException", (error) => void finish({ kind: "crash", message: seen(error) }));

async function hunt(): Promise<MutantMessage> {
  const startedAt = performance.now();
  const mutant = mutants.find((it) => it.name === name);
  if (mutant === undefined) throw new TypeError(`There is no mutant "${name}".`);
  await install(mutant);
  const { runSchedule } = await import("../schedule/run-schedule.ts");
  const { planOf, aimsAt } = await import("../faults/plan.ts");
  const { aims } = mutant;
  for (let seed = 0; seed < schedulesMax; seed += 1) {
    if (performance.now() - startedAt > limitMs) return { kind: "green", schedules: seed };
    if (aims !== undefined && seed >= aimlessSchedules && !aimsAt(planOf(seed), aims)) continue;
    await tell({ kind: "schedule", seed });
    // The first violation is enough: what comes after it may never end.
    await runSchedule({ seed }, false, ({ invariant, message }) => void finish({ kind: "red", invariant, message }));
  }
  return { kind: "green", schedules: schedulesMax };
}

hunt().then(finish, (error: unknown) => finish({ kind: "crash", message: seen(error) }));
