/** What the controller tells a worker by its environment, read once by the worker. */
import { join } from "node:path";
import type { Kill } from "./kill-plan.ts";

const variable = "PERDURE_E2E_WORKER";

/** A worker's place in the experiment. `number` is its place in the row of workers. */
export interface Assignment {
  readonly folder: string;
  readonly number: number;
  readonly kill: Kill;
}

export const storePath = (folder: string): string => join(folder, "store.db");
export const ledgerPath = (folder: string): string => join(folder, "ledger.jsonl");
export const statusPath = ({ folder, number }: Assignment): string => join(folder, `status-${number}`);

export const environmentOf = (assignment: Assignment): Readonly<Record<string, string>> => ({
  [variable]: JSON.stringify(assignment),
});

export function readAssignment(): Assignment {
  const text = process.env[variable];
  if (text === undefined) throw new Error(`${variable} is not set: this program is started by the controller.`);
  return JSON.parse(text) as Assignment;
}
