/** The process of one mutant: runs schedules, seed after seed, until one of them is red. */
import { mutants } from "./catalogue.ts";
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

/** What ends the process all at once is told as well. */
async function crash(error: unknown): Promise<never> {
  await tell({ kind: "crash", message: seen(error) });
  process.exit(1);
}

process.on("uncaughtException", (error) => void crash(error));

async function hunt(): Promise<MutantMessage> {
  const startedAt = performance.now();
  const mutant = mutants.find((it) => it.name === name);
  if (mutant === undefined) throw new TypeError(`There is no mutant "${name}".`);
  await install(mutant);
  const { runSchedule } = await import("../schedule/run-schedule.ts");
  for (let seed = 0; seed < schedulesMax; seed += 1) {
    if (performance.now() - startedAt > limitMs) return { kind: "green", schedules: seed };
    await tell({ kind: "schedule", seed });
    const { violations } = await runSchedule({ seed });
    const [first] = violations;
    if (first === undefined) continue;
    const invariants = [...new Set(violations.map(({ invariant }) => invariant))];
    return { kind: "red", seed, invariants, message: `${first.invariant}: ${first.message}` };
  }
  return { kind: "green", schedules: schedulesMax };
}

try {
  await tell(await hunt());
  process.exit(0);
} catch (error) {
  await crash(error);
}
