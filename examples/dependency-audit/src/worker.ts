/**
 * The process that does the work: `node --import perdure/register src/worker.ts`. Started again after a crash it finds the run
 * by its key and goes on with it, so there is no second program for recovery.
 */
import { start } from "perdure/api";
import { auditDependencies } from "./audit.ts";
import { repositoryFolder } from "./places.ts";

const run = await start(auditDependencies, [repositoryFolder], { key: "dependency-audit" });
await run.returnValue;
