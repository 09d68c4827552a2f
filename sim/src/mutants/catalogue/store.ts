/** Mutants of the store itself. */
import type { Mutant } from "../mutant.ts";

const log = "packages/world/src/memory/memory-log.ts";
const runs = "packages/world/src/memory/memory-runs.ts";
const space = "packages/world/src/memory/memory-space.ts";
const machine = "packages/core/src/run/run-machine.ts";

const goneClaimHidden = {
  file: "packages/world/src/claim-rules.ts",
  find: "return eager !== null && !(run.owner === eager.worker && run.epoch === 1);",
  replace: "return eager !== null && run.epoch < 0;",
};

export const storeMutants: readonly Mutant[] = [
  {
    name: "acknowledged payloads lost",
    breaks: "The store acknowledges payloads and cancellations without writing them.",
    invariants: ["H1", "X1"],
    edits: [
      {
        file: log,
        find: "    session.space.write(stored, verdict, reportedDelivery(request));\n    session.space.notify(stored.run.runId);",
        replace: "    session.space.notify(stored.run.runId);",
      },
    ],
  },
  {
    name: "one acknowledged payload in twenty lost",
    breaks: "The store acknowledges payloads and cancellations, and writes most of them.",
    invariants: ["H1", "X1"],
    edits: [
      {
        file: log,
        find: "    session.space.write(stored, verdict, reportedDelivery(request));\n    session.space.notify(stored.run.runId);",
        replace:
          "    if ((verdict.run.tail * 7 + verdict.run.lastAt) % 20 > 0) session.space.write(stored, verdict, reportedDelivery(request));\n    session.space.notify(stored.run.runId);",
      },
    ],
  },
  {
    name: "key of a sender not recognised",
    breaks: "A payload that is sent again under its key is written again.",
    invariants: ["L5"],
    edits: [{ file: log, find: "stored.outside.get(request.key) ?? null", replace: "null" }],
  },
  {
    name: "creation not recognised",
    breaks: "A creation that is sent again puts a new run in the place of the old one.",
    invariants: ["L1", "L3"],
    edits: [
      {
        file: runs,
        find: "if (known !== undefined) return createdAs",
        replace: "if (known?.run.tail === 0) return createdAs",
      },
    ],
  },
  {
    name: "key of a run not recognised",
    breaks: "Two runs are created under one key.",
    invariants: ["X4"],
    edits: [
      {
        file: runs,
        find: 'if (holder !== undefined) return { kind: "existing", run: holder.run };',
        replace: "void holder;",
      },
    ],
  },
  {
    name: "starter not told that its claim is gone, store alone",
    breaks: "The answer to a creation that is sent again does not say that its claim is gone.",
    invariants: ["D1"],
    coveredBy: "the machine, which looks at the owner and the epoch",
    edits: [goneClaimHidden],
  },
  {
    name: "starter goes on without its claim",
    breaks: "A starter whose claim is gone goes on driving the run.",
    invariants: ["D1", "S2"],
    aims: ["create.eager"],
    pair: true,
    edits: [
      goneClaimHidden,
      {
        file: machine,
        find: "if (!result.released && (result.run.owner !== worker || result.run.epoch !== epoch)) {",
        replace: 'if (!result.released && (result.run.owner === "" || result.run.epoch < 0)) {',
      },
    ],
  },
  {
    name: "token kept after disposal",
    breaks: "The token of a hook that was disposed of is not free.",
    invariants: ["H3"],
    edits: [
      {
        file: space,
        find: '    if (event.type === "hook_disposed") {',
        replace: '    if (event.type === "hook_disposed" && runId === "") {',
      },
    ],
  },
  {
    name: "tokens kept after the end",
    breaks: "The tokens of a run that has ended are not free.",
    invariants: ["H3"],
    edits: [
      {
        file: space,
        find: "if (isEnded(admitted.run.status)) this.#freeTokens(stored);",
        replace: "void this.#freeTokens;",
      },
    ],
  },
  {
    name: "token freed by who does not hold it",
    breaks: "The end of a hook in conflict frees the token for everybody.",
    invariants: ["H3"],
    edits: [
      {
        file: space,
        find: "if (holder?.runId === runId && holder.correlationId === correlationId) this.tokens.delete(tokenHash);",
        replace: "if (holder !== undefined && runId !== correlationId) this.tokens.delete(tokenHash);",
      },
    ],
  },
];
