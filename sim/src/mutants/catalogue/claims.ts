/** Mutants of the rules of claims, parking and liveness. */
import type { Mutant } from "../mutant.ts";

const rules = "packages/world/src/claim-rules.ts";

export const claimMutants: readonly Mutant[] = [
  {
    name: "live worker taken over",
    breaks: "A worker counts as lost when a quarter of its lease is over.",
    invariants: ["S3"],
    edits: [
      { file: rules, find: "storeNow - beat.at < beat.leaseMs", replace: "storeNow - beat.at < beat.leaseMs / 4" },
    ],
  },
  {
    name: "takeover under the same epoch",
    breaks: "Who takes a run over does not raise its epoch.",
    invariants: ["D1"],
    edits: [{ file: rules, find: "const epoch = run.epoch + 1;", replace: "const { epoch } = run;" }],
  },
  {
    name: "appends of a new claim taken for old ones",
    breaks: "A claim does not start anew to count its appends.",
    invariants: ["L2", "L5", "Q5"],
    edits: [
      {
        file: rules,
        find: "run: { ...run, owner: workerId, epoch, lastAppend: null, expiries, claimTail: run.tail, wakeAt: null },",
        replace: "run: { ...run, owner: workerId, epoch, expiries, claimTail: run.tail, wakeAt: null },",
      },
    ],
  },
  {
    name: "release unseen",
    breaks: "A run is given back although somebody else wrote what its driver has not seen.",
    invariants: ["Q1"],
    edits: [{ file: rules, find: 'if (request.ifTail !== run.tail) return { kind: "moved" };', replace: "" }],
  },
  {
    name: "release by anybody",
    breaks: "A driver whose claim is gone gives the run of another one back.",
    invariants: ["D1"],
    edits: [
      {
        file: rules,
        find: 'if (request.epoch !== run.epoch || run.parked !== null) return { kind: "fenced" };',
        replace: 'if (run.parked !== null) return { kind: "fenced" };',
      },
    ],
  },
  {
    name: "parked by anybody",
    breaks: "A driver whose claim is gone parks the run of another one.",
    invariants: ["D1"],
    edits: [
      {
        file: rules,
        find: "if (isEnded(run.status) || epoch !== run.epoch) return null;",
        replace: "if (isEnded(run.status)) return null;",
      },
    ],
  },
  {
    name: "stalled in spite of progress",
    breaks: "A run counts as stalled when its workers were lost, whatever they have written.",
    invariants: ["Q3"],
    edits: [
      {
        file: rules,
        find: "const expiries = expired && run.tail === run.claimTail ? run.expiries + 1 : 0;",
        replace: "const expiries = expired ? run.expiries + 1 : run.expiries;",
      },
    ],
  },
  {
    name: "never stalled",
    breaks: "A run whose workers die one after the other is handed to the next one.",
    invariants: ["Q3"],
    edits: [{ file: rules, find: "if (expiries >= expiriesMax) {", replace: "if (expiries < 0) {" }],
  },
];
