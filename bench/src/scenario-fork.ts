/** Runs a scenario in a process of its own: nothing that another one has left in the heap or in the JIT touches it. */
import { fork } from "node:child_process";
import { join } from "node:path";
import { WorkerSetupError } from "@perdure/errors";
import type { Round } from "./rounds.ts";
import type { Measurement } from "./row.ts";
import type { ScenarioOrder } from "./scenario.ts";

/** The folder of this package: the project whose workflows are compiled. */
export const benchFolder = join(import.meta.dirname, "..");

/** Megabytes of heap that a scenario may take; 100,000 resident runs need more than the default. */
const heapMb = 8_192;

/** What a scenario's process sends: measurements, or, from a part, its round, or that it is ready to serve. */
export type ScenarioMessage =
  | { readonly measurement: Measurement }
  | { readonly round: Round }
  | { readonly serving: true };

/** The one message that such a process takes: a part that serves ends. */
export const endMessage = "end";

export interface ScenarioProcess {
  /** Resolves when the process has ended well; rejects when it has not, after its own words on stderr. */
  readonly ended: Promise<void>;
  /** Tells a part that serves to end. */
  end(): void;
}

/** Forks `node --import perdure/register` for one order, and calls back with each message. */
export function forkScenario(order: ScenarioOrder, onMessage: (message: ScenarioMessage) => void): ScenarioProcess {
  const { NODE_OPTIONS: _inherited, ...env } = process.env;
  const child = fork(join(import.meta.dirname, "scenario-process.ts"), [JSON.stringify(order)], {
    cwd: benchFolder,
    // The scenario says when a worker starts, and with which settings.
    env: { ...env, PERDURE_WORKER: "0" },
    execArgv: ["--expose-gc", `--max-old-space-size=${heapMb}`, "--import", "perdure/register"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  child.on("message", (message) => onMessage(message as ScenarioMessage));
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(failed(order, code, signal));
    });
  });
  return { ended, end: () => child.send(endMessage) };
}

function failed(order: ScenarioOrder, code: number | null, signal: NodeJS.Signals | null): WorkerSetupError {
  const part = order.part === null ? "" : `, part ${order.part.name}`;
  const end = signal === null ? `exit code ${code}` : `signal ${signal}`;
  return new WorkerSetupError(`The process of scenario ${order.scenario}${part} ended with ${end}.`, {
    hint: "What it printed before says why. It needs built packages: run `pnpm build` first.",
  });
}
