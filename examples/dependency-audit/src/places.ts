import { join, resolve } from "node:path";

/** The folder of this example: the project, for Perdure. */
export const projectFolder = resolve(import.meta.dirname, "..");

/** The repository's root, whose dependency tree is audited. */
export const repositoryFolder = resolve(projectFolder, "../..");

/** Where runs are stored; see `perdure.config.ts` for another place. */
export const stateFolder = join(projectFolder, ".perdure");

/** One line for each start and each end of a step's body. */
export const ledgerPath = join(stateFolder, "ledger.jsonl");

/** What the audit is for. */
export const reportPath = join(projectFolder, "report.md");
