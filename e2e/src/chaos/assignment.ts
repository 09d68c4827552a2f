/** What the controller tells a worker by its environment. */
import { join } from "node:path";
import type { WorkerOptions } from "@perdure/core";

const variable = "PERDURE_E2E_CHAOS";

/** Of a worker; the same for all of them. */
export interface Assignment {
  readonly folder: string;
  /** The database, through the proxy that cuts connections. */
  readonly url: string;
  readonly settings: WorkerOptions;
}

/** Short, so that what is lost is taken over many times in a minute. A suspended worker is silent for longer. */
export const hastySettings = { leaseMs: 1_500, sweepMs: 200, holdMs: 200 } as const;

export const ledgerPath = (folder: string): string => join(folder, "ledger.jsonl");
export const programsPath = (folder: string): string => join(folder, "programs.json");

export const environmentOf = (assignment: Assignment): Readonly<Record<string, string>> => ({
  [variable]: JSON.stringify(assignment),
});

export function readAssignment(): Assignment {
  const text = process.env[variable];
  if (text === undefined) throw new Error(`${variable} is not set: this program is started by the controller.`);
  return JSON.parse(text) as Assignment;
}
