/** What the bench tells a worker by its environment. */
import { join } from "node:path";

const variable = "PERDURE_E2E_DEPLOY";

export interface Assignment {
  readonly folder: string;
  readonly url: string;
  /** Which build of the application the worker is. */
  readonly build: string;
}

/** A body that began: which build ran it. */
export interface BodyLine {
  readonly run: string;
  readonly step: string;
  readonly args: readonly unknown[];
  readonly build: string;
}

export const ledgerPath = (folder: string): string => join(folder, "ledger.jsonl");
export const modulePath = (folder: string, build: string): string => join(folder, `${build}.json`);

/** While this file is not there, {@link gatedCharge} waits in its body, whichever build runs it. */
export const gatePath = (folder: string): string => join(folder, "gate");

/** The charge that waits, by its index. */
export const gatedCharge = 3;

export const environmentOf = (assignment: Assignment): Readonly<Record<string, string>> => ({
  [variable]: JSON.stringify(assignment),
});

export function readAssignment(): Assignment {
  const text = process.env[variable];
  if (text === undefined) throw new Error(`${variable} is not set: this program is started by a test.`);
  return JSON.parse(text) as Assignment;
}

export type FromWorker =
  | { readonly kind: "working" }
  | { readonly kind: "started"; readonly key: string; readonly runId: string };

export interface ToWorker {
  readonly key: string;
}
