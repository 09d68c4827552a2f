/** The outsider of this worker process: what its steps and its world report to. */
import type { Outsider } from "./breakable-world.ts";
import { ledgerPath, readAssignment, statusPath } from "./environment.ts";
import { FaultPoints } from "./fault-points.ts";
import { Ledger } from "./ledger.ts";
import { StatusFile } from "./status-file.ts";

export const assignment = readAssignment();

const status = new StatusFile(statusPath(assignment));

export const outsider: Outsider = {
  status,
  ledger: new Ledger(ledgerPath(assignment.folder)),
  faults: new FaultPoints(assignment.kill, status),
};
