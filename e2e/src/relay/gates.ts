/** Gates are files, so that one that was opened stays open for whoever comes. Each is for one process. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const variable = "PERDURE_E2E_FOLDER";
const urlVariable = "PERDURE_E2E_URL";

export const environmentOf = (path: string, url: string | null): Readonly<Record<string, string>> =>
  url === null ? { [variable]: path } : { [variable]: path, [urlVariable]: url };

/** The database of the experiment; null: its store is a file in its folder. */
export const databaseUrl = (): string | null => process.env[urlVariable] ?? null;

/** The folder of the experiment, as the worker was told. */
export function folder(): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} is not set: this program is started by a test.`);
  return path;
}

export const storePath = (path: string): string => join(path, "store.db");

const gate = (path: string, run: string, index: number, pid: number): string =>
  join(path, `gate-${run}-${index}-${pid}`);

/** Lets leg `index` of a run end in one process. */
export function openGate(path: string, run: string, index: number, pid: number): void {
  writeFileSync(gate(path, run, index, pid), "");
}

export const isGateOpen = (run: string, index: number): boolean => existsSync(gate(folder(), run, index, process.pid));
