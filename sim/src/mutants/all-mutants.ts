/** All mutants, in the order in which they are reported. */
import { claimMutants } from "./catalogue/claims.ts";
import { guestMutants } from "./catalogue/guest.ts";
import { jobMutants } from "./catalogue/jobs.ts";
import { logRuleMutants } from "./catalogue/log-rules.ts";
import { replayMutants } from "./catalogue/replay.ts";
import { runMachineMutants } from "./catalogue/run-machine.ts";
import { storeMutants } from "./catalogue/store.ts";
import { turnMutants } from "./catalogue/turns.ts";
import { workerMutants } from "./catalogue/worker.ts";
import type { Mutant } from "./mutant.ts";

export const mutants: readonly Mutant[] = [
  ...guestMutants,
  ...replayMutants,
  ...runMachineMutants,
  ...turnMutants,
  ...workerMutants,
  ...logRuleMutants,
  ...claimMutants,
  ...storeMutants,
  ...jobMutants,
];
