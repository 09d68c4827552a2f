import { admitGroup } from "./admit-cases.ts";
import { claimGroup } from "./claim-cases.ts";
import { clockGroup } from "./clock-cases.ts";
import { createGroup } from "./create-cases.ts";
import { executorGroup } from "./executor-cases.ts";
import type { ConformanceGroup } from "./fixture.ts";
import { hookGroup } from "./hook-cases.ts";
import { jobGroup } from "./job-cases.ts";
import { logGroup } from "./log-cases.ts";
import { lossGroup } from "./loss-cases.ts";
import { raceGroup } from "./race-cases.ts";
import { listGroup, waitGroup } from "./run-cases.ts";
import { parkGroup, storeGroup } from "./store-cases.ts";
import { streamGroup } from "./stream-cases.ts";

/** Every case of the suite, by subject. */
export const conformanceGroups: readonly ConformanceGroup[] = [
  logGroup,
  admitGroup,
  clockGroup,
  claimGroup,
  lossGroup,
  raceGroup,
  hookGroup,
  executorGroup,
  jobGroup,
  createGroup,
  listGroup,
  waitGroup,
  parkGroup,
  storeGroup,
  streamGroup,
];
