/** Mutants of the rules of the log. */
import type { Mutant } from "../mutant.ts";

const rules = "packages/world/src/admit.ts";
const eventRules = "packages/world/src/event-rules.ts";

const nothingFollows = {
  file: eventRules,
  find: 'if (isEnded(view.status)) return "nothing follows a terminal event";',
  replace: "",
};
const outsideAfterEnd = {
  file: rules,
  find: 'if (isEnded(run.status)) return refused({ kind: "terminal" });\n  const batch = new Batch(run, view, context, { epoch: null',
  replace: "const batch = new Batch(run, view, context, { epoch: null",
};
const driverAfterEnd = {
  file: rules,
  find: 'if (isEnded(run.status)) return refused({ kind: "terminal" });\n  if (run.owner === null || run.parked !== null) return { kind: "fenced" };',
  replace: "",
};
const sameAppendTwice = {
  file: rules,
  find: "if (mark !== null && request.n <= mark.n) {",
  replace: "if (mark !== null && request.n < 0) {",
};
const noFence = { file: rules, find: 'if (request.epoch !== run.epoch) return { kind: "fenced" };', replace: "" };

const noTailCheck = {
  file: rules,
  find: 'if (request.ifTail !== null && request.ifTail !== run.tail) return { kind: "moved" };',
  replace: "",
};
const createdTwice = {
  file: eventRules,
  find: "if (event.correlationId !== null && view.entity(event.correlationId) !== undefined) {",
  replace: "if (event.correlationId === null) {",
};

export const logRuleMutants: readonly Mutant[] = [
  {
    name: "no fence",
    breaks: "The store takes the appends of a driver whose claim is gone.",
    invariants: ["D1"],
    edits: [noFence],
  },
  {
    name: "same append twice",
    breaks: "The store does not recognise an append that it has written.",
    invariants: ["L5", "R4"],
    edits: [sameAppendTwice],
  },
  {
    name: "terminal check of outsiders alone",
    breaks: "The store does not look whether the run has ended before it takes a payload or a cancellation.",
    invariants: ["L6", "X1"],
    coveredBy: "the rule that nothing follows a terminal event",
    edits: [outsideAfterEnd],
  },
  {
    name: "cancel after completion",
    breaks: "The store takes payloads and cancellations of runs that have ended.",
    invariants: ["L6", "X1"],
    pair: true,
    edits: [outsideAfterEnd, nothingFollows],
  },
  {
    name: "nothing follows a terminal event, rule alone",
    breaks: "No rule of events says that nothing follows a terminal event.",
    invariants: ["L6", "X1"],
    coveredBy: "the look at the row before the events are judged",
    edits: [nothingFollows],
  },
  {
    name: "driver goes on after the end",
    breaks: "The store takes the appends of a driver whose run was ended by somebody else.",
    invariants: ["L6", "X1"],
    pair: true,
    edits: [driverAfterEnd, nothingFollows],
  },
  {
    name: "released run takes appends",
    breaks: "The store takes the appends of a driver that gave its run back, or whose run is parked.",
    invariants: ["D1"],
    coveredBy: "the machine, which has one request under way and sends nothing after a release",
    edits: [
      { file: rules, find: 'if (run.owner === null || run.parked !== null) return { kind: "fenced" };', replace: "" },
    ],
  },
  {
    name: "release in an append unseen",
    breaks: "An append ends the claim although somebody else wrote what its driver has not seen.",
    invariants: ["Q1"],
    aims: ["append.release"],
    edits: [
      {
        file: rules,
        find: "const release = request.release !== null && request.after === run.tail ? request.release : null;",
        replace: "const release = request.release;",
      },
    ],
  },
  {
    name: "release with a conflict",
    breaks: "An append that met a conflict ends the claim, and the code does not learn of the conflict.",
    invariants: ["Q1", "Q5"],
    edits: [
      {
        file: rules,
        find: "const release = this.#hasConflict ? null : asked;",
        replace: "const release = asked;",
      },
    ],
  },
  {
    name: "release forgets new waits",
    breaks: "An append that ends the claim forgets the waits that it creates.",
    invariants: ["Q1"],
    edits: [{ file: rules, find: ": earlier(release.wakeAt, this.#earliestNewWait);", replace: ": release.wakeAt;" }],
  },
  {
    name: "outside append wakes nobody",
    breaks: "A payload or a cancellation does not make an unclaimed run due.",
    invariants: ["Q1"],
    edits: [
      {
        file: rules,
        find: "const wakeAt = run.owner === null && concernsDriver ? context.storeNow : run.wakeAt;",
        replace: "const { wakeAt } = run;",
      },
    ],
  },
  {
    name: "facts behind decisions",
    breaks: "The decisions of an append are written before its facts.",
    invariants: ["L2", "R4", "R6", "Q5"],
    edits: [
      {
        file: rules,
        find: "    for (const decision of decisions) {",
        replace: "    for (const decision of [] as NewDecision[]) {",
      },
      {
        file: rules,
        find: "    for (const fact of facts) {",
        replace:
          "    for (const decision of decisions) { const refusal = this.#refuse(decision, decision.at); if (refusal !== null) return refusal; this.#write(this.#decisionEvent(decision)); }\n    for (const fact of facts) {",
      },
    ],
  },
  {
    name: "sleep counted from the log clock",
    breaks: "The end of a wait is counted from the clock of its cause and not from the store's.",
    invariants: ["T2"],
    edits: [
      {
        file: rules,
        find: "const resumeAt = decision.data.resumeAt ?? storeNow + Math.ceil(decision.data.durationMs ?? 0);",
        replace: "const resumeAt = decision.data.resumeAt ?? decision.at + Math.ceil(decision.data.durationMs ?? 0);",
      },
    ],
  },
  {
    name: "clock of outsiders goes back",
    breaks: "The clock of a payload is the store's, which may have been set back.",
    invariants: ["H5", "R6"],
    edits: [
      {
        file: rules,
        find: "fact.at : Math.max(this.fork.lastAt, this.#context.storeNow);",
        replace: "fact.at : this.#context.storeNow;",
      },
    ],
  },
  {
    name: "payloads all numbered one",
    breaks: "The payloads of a hook are not counted.",
    invariants: ["H2"],
    edits: [
      { file: rules, find: "data: { ordinal: received + 1 }, payload };", replace: "data: { ordinal: 1 }, payload };" },
    ],
  },
  {
    name: "token conflict not seen",
    breaks: "A hook is opened under a token that another one holds.",
    invariants: ["H3"],
    edits: [
      { file: rules, find: "      if (owner !== null) {", replace: "      if (owner === this.#run.runId + 1) {" },
    ],
  },
  {
    name: "token conflict inside an append not seen",
    breaks: "Two hooks of one append are opened under one token.",
    invariants: ["H3"],
    edits: [
      {
        file: rules,
        find: "const owner = changed === undefined ? this.#context.tokenOwner(tokenHash) : changed;",
        replace: "const owner = changed === null ? null : this.#context.tokenOwner(tokenHash);",
      },
    ],
  },
  {
    name: "token not free for the rest of its append",
    breaks: "A token that an append gives back is held until the append is over.",
    invariants: ["H3"],
    edits: [
      {
        file: rules,
        find: 'if (hook?.state === "open") this.#tokens.set(hook.tokenHash, null);',
        replace: "void hook;",
      },
    ],
  },
  {
    name: "payload to a closed hook",
    breaks: "A hook that was disposed of takes payloads.",
    invariants: ["H4"],
    edits: [
      {
        file: eventRules,
        find: 'return hookState(view, event) === "open" ? null : "only an open hook receives payloads";',
        replace: 'return hookState(view, event) !== undefined ? null : "only an open hook receives payloads";',
      },
    ],
  },
  {
    name: "result of another claim's attempt",
    breaks: "The log takes a result from a claim that does not own the attempt.",
    invariants: ["S4"],
    coveredBy: "the fence, behind which the machine holds results of its own claim only",
    edits: [
      {
        file: eventRules,
        find: 'if (step.epoch !== context.epoch) return "another claim owns this attempt";',
        replace: "",
      },
    ],
  },
  {
    name: "result of another claim",
    breaks: "A driver whose claim is gone records the results of its bodies.",
    invariants: ["D1", "S4"],
    pair: true,
    edits: [
      noFence,
      {
        file: eventRules,
        find: 'if (step.epoch !== context.epoch) return "another claim owns this attempt";',
        replace: "",
      },
    ],
  },
  {
    name: "step created twice",
    breaks: "The log takes the creation of what exists, and an append that was written before is written again.",
    invariants: ["S1", "R4"],
    pair: true,
    edits: [sameAppendTwice, createdTwice],
  },
  {
    name: "no fence, and steps created twice",
    breaks: "The store takes the appends of a driver whose claim is gone, and the creation of what exists.",
    invariants: ["D1"],
    pair: true,
    edits: [noFence, createdTwice],
  },
  {
    name: "no fence, no tail check, no terminal check",
    breaks: "The store takes whatever a driver sends.",
    invariants: ["D1", "R4"],
    pair: true,
    edits: [noFence, noTailCheck, driverAfterEnd, nothingFollows],
  },
  {
    name: "creation of what exists, rule alone",
    breaks: "The log takes the creation of a step, a wait or a hook that exists.",
    invariants: ["S1"],
    coveredBy: "the numbers of appends and the tail check, which keep a decision from being sent twice",
    edits: [createdTwice],
  },
];
