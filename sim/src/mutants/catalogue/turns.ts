/** Mutants of the books of a held run and of what a turn is made of. */
import type { Mutant } from "../mutant.ts";

const heldRun = "packages/core/src/run/held-run.ts";
const openWork = "packages/core/src/run/open-work.ts";
const turnFacts = "packages/core/src/run/turn-facts.ts";
const releasePlan = "packages/core/src/run/release-plan.ts";
const retryPolicy = "packages/core/src/run/retry-policy.ts";
const machine = "packages/core/src/run/run-machine.ts";
const eventRules = "packages/world/src/event-rules.ts";
const rules = "packages/world/src/admit.ts";

const earlyWait = {
  file: turnFacts,
  find: "if (resumeAt <= sources.storeNow) facts",
  replace: "if (resumeAt - 5 <= sources.storeNow) facts",
};
const earlyWaitAllowed = {
  file: eventRules,
  find: 'return context.storeNow < wait.resumeAt || context.at < wait.resumeAt ? "early" : null;',
  replace: 'return context.storeNow < wait.resumeAt - 5 || context.at < wait.resumeAt - 5 ? "early" : null;',
};
const resultKept = {
  file: heldRun,
  find: "if (this.#isRecordedBy(event)) this.#results.delete(correlationId);",
  replace: "",
};
const secondResultAllowed = {
  file: eventRules,
  find: 'if (step.state === "done") return "the step has its result";',
  replace: "",
};
const doneStepKept = {
  file: openWork,
  find: "this.steps.delete(id);\n",
  replace: "",
};
const waitKept = { file: openWork, find: "this.waits.delete(id);", replace: "return;" };
const secondWaitEndAllowed = {
  file: eventRules,
  find: 'if (wait?.state !== "open") return "only an open wait completes";',
  replace: 'if (wait === undefined) return "only an open wait completes";',
};
const attemptNotCounted = {
  file: turnFacts,
  find: "const next = { attempt: attempt + 1, retryAt",
  replace: "const next = { attempt, retryAt",
};
const anyAttemptAllowed = {
  file: eventRules,
  find: 'return event.data.attempt === step.attempt + 1 ? null : "attempts count up by one";',
  replace: "return null;",
};
const clockOfTheFact = {
  file: heldRun,
  find: "const at = Math.max(this.execution.view.lastAt, storeNow);",
  replace: "const at = storeNow;",
};
const clockMayGoBack = {
  file: rules,
  find: "const earliest = Math.max(this.fork.lastAt, storeNow - clockBoundMs);",
  replace: "const earliest = storeNow - clockBoundMs;",
};

export const turnMutants: readonly Mutant[] = [
  {
    name: "wait completes early, machine alone",
    breaks: "The machine ends a wait 5 ms before it is due.",
    invariants: ["T1"],
    coveredBy: "the rule of the log on the end of a wait",
    edits: [earlyWait],
  },
  {
    name: "wait completes early, rule alone",
    breaks: "The log takes the end of a wait 5 ms before it is due.",
    invariants: ["T1"],
    coveredBy: "the machine, which ends no wait before it is due by an estimate that lags",
    edits: [earlyWaitAllowed],
  },
  {
    name: "wait completes early",
    breaks: "A wait ends 5 ms before it is due, and nobody refuses it.",
    invariants: ["T1"],
    pair: true,
    edits: [earlyWait, earlyWaitAllowed],
  },
  {
    name: "retry starts early",
    breaks: "The next attempt of a step starts 100 ms before it is due.",
    invariants: ["T1"],
    edits: [{ file: heldRun, find: "if (retryAt <= storeNow &&", replace: "if (retryAt - 100 <= storeNow &&" }],
  },
  {
    name: "second result sent",
    breaks:
      "A result is not forgotten when its event has come back from the log, and is sent until the store refuses it.",
    invariants: ["S1", "R4"],
    coveredBy: "the rule of the log that a step has one result: the fact that it refuses is dropped",
    edits: [resultKept],
  },
  {
    name: "second result accepted",
    breaks: "The log takes a second result of a step.",
    invariants: ["S1"],
    coveredBy: "the machine, which forgets a result when its event has come back from the log",
    edits: [secondResultAllowed],
  },
  {
    name: "second result",
    breaks: "A result is sent again after it was recorded, and the log takes it.",
    invariants: ["S1"],
    pair: true,
    edits: [resultKept, secondResultAllowed],
  },
  {
    name: "completed step started again",
    breaks: "A takeover restarts steps that have their result, and the log takes it.",
    invariants: ["S1", "S2"],
    pair: true,
    edits: [doneStepKept, secondResultAllowed],
  },
  {
    name: "wait completes twice",
    breaks: "A wait that has ended stays due, and the log takes its end again.",
    invariants: ["T2"],
    pair: true,
    edits: [waitKept, secondWaitEndAllowed],
  },
  {
    name: "second end of a wait accepted",
    breaks: "The log takes the end of a wait that has ended.",
    invariants: ["T2"],
    coveredBy: "the machine, which forgets a wait when its end has come back from the log",
    edits: [secondWaitEndAllowed],
  },
  {
    name: "attempt not counted, machine alone",
    breaks: "A retry is recorded under the number of the attempt that failed.",
    invariants: ["S3", "S5", "Q5"],
    edits: [attemptNotCounted],
  },
  {
    name: "attempt not counted",
    breaks: "A retry is recorded under the number of the attempt that failed, and the log takes it.",
    invariants: ["S5"],
    pair: true,
    edits: [attemptNotCounted, anyAttemptAllowed],
  },
  {
    name: "attempt not recorded",
    breaks: "A body that failed is started again without a word to the log.",
    invariants: ["S5"],
    edits: [
      {
        file: machine,
        find: "    } else {\n      this.#held.keepResult(finished);",
        replace: `    } else if (outcome.kind === "retrying") {
      const created = this.#held.work.steps.get(correlationId);
      if (created === undefined) return [];
      const { delivery, attempt } = finished;
      this.#held.restart(correlationId, attempt + 1, delivery);
      const task = { created, correlationId, attempt: attempt + 1, delivery, workflow: this.#held.work.workflow };
      return [{ kind: "runStep", task }];
    } else {
      this.#held.keepResult(finished);`,
      },
      {
        file: heldRun,
        find: "  keepResult(finished: StepFinished): void {",
        replace: `  restart(id: string, attempt: number, delivery: number): void {
    this.#running.set(id, { attempt, delivery });
  }

  keepResult(finished: StepFinished): void {`,
      },
    ],
  },
  {
    name: "rebuild dispatches what runs",
    breaks: "A driver that reads its log again starts the bodies that are running already.",
    invariants: ["S3"],
    edits: [
      {
        file: heldRun,
        find: "if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;",
        replace: "if (this.#results.has(correlationId)) return false;",
      },
    ],
  },
  {
    name: "rebuild dispatches what has finished",
    breaks: "A driver that reads its log again starts the bodies whose results it is about to write.",
    invariants: ["S3"],
    edits: [
      {
        file: heldRun,
        find: "if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;",
        replace: "if (this.#running.has(correlationId)) return false;",
      },
    ],
  },
  {
    name: "rebuild forgets a result",
    breaks: "A result at hand is forgotten when the retry of an attempt before is read again.",
    invariants: ["S3"],
    edits: [
      {
        file: heldRun,
        find: "if (this.#isRecordedBy(event)) this.#results.delete(correlationId);",
        replace: "this.#results.delete(correlationId);",
      },
    ],
  },
  {
    name: "rebuild starts a retry at once",
    breaks:
      "A step whose failed attempt is recorded before a rebuild has dispatched anything is started without its delay.",
    invariants: ["T1"],
    edits: [
      {
        file: heldRun,
        find: "const waits = correlationId === null || this.#work.retries.has(correlationId);",
        replace: "const waits = correlationId === null;",
      },
    ],
  },
  {
    name: "orphans not restarted",
    breaks: "What an earlier claim left open is not started again.",
    invariants: ["Q1", "Q5"],
    edits: [{ file: turnFacts, find: "facts.push(...restarts(sources));", replace: "void restarts;" }],
  },
  {
    name: "every restart without a fact",
    breaks: "A claim starts the open steps of an earlier one without recording a new delivery.",
    invariants: ["D1", "S3", "S4", "S5", "T1"],
    edits: [
      {
        file: heldRun,
        find: "if (step === undefined || created === undefined || step.epoch !== this.#setup.epoch) return false;",
        replace: "if (step === undefined || created === undefined) return false;",
      },
      {
        file: heldRun,
        find: 'if (event.epoch === this.#setup.epoch && (event.type === "step_created" || event.type === "step_started")) {',
        replace: 'if (event.type === "step_created" || event.type === "step_started") {',
      },
    ],
  },
  {
    name: "started retry waits again",
    breaks: "A retry that was started and lost waits for its time again, and nobody sets a timer for it.",
    invariants: ["Q1", "Q5"],
    edits: [
      {
        file: "packages/world/src/run-view.ts",
        find: "epoch: epochOf(event), retryAt: null };",
        replace: "epoch: epochOf(event) };",
      },
    ],
  },
  {
    name: "restart before its retry is due",
    breaks: "A claim asks for a restart before the retry that an earlier claim recorded is due.",
    invariants: ["T1"],
    coveredBy: "the rule of the log on the start of a retry",
    edits: [
      {
        file: turnFacts,
        find: "if (step === undefined || (step.retryAt !== null && step.retryAt > sources.storeNow)) continue;",
        replace: "if (step === undefined || (step.retryAt !== null && step.retryAt - 5 > sources.storeNow)) continue;",
      },
    ],
  },
  {
    name: "log clock goes back, machine alone",
    breaks: "A driver chooses a clock for its facts that is behind that of the log.",
    invariants: ["R6"],
    coveredBy: "the rule of the log that its clock never goes backwards",
    edits: [clockOfTheFact],
  },
  {
    name: "log clock goes back, rule alone",
    breaks: "The log takes facts whose clock is behind that of the fact before.",
    invariants: ["R6"],
    coveredBy: "the machine, which chooses no clock behind that of the log",
    edits: [clockMayGoBack],
  },
  {
    name: "log clock goes back",
    breaks: "A driver chooses a clock behind that of the log, and the log takes it.",
    invariants: ["R6"],
    pair: true,
    edits: [clockOfTheFact, clockMayGoBack],
  },
  {
    name: "next timer forgets retries",
    breaks: "A run is given back without a wake-up for its next attempt.",
    invariants: ["Q1"],
    edits: [
      {
        file: openWork,
        find: "for (const due of this.retries.values()) if (due > after && due < earliest) earliest = due;",
        replace: "",
      },
    ],
  },
  {
    name: "release in an append forgets timers",
    breaks: "An append that ends the claim names no wake-up for the timers that were open before it.",
    invariants: ["Q1"],
    edits: [
      {
        file: releasePlan,
        find: "return soonest !== null && soonest - storeNow <= holdMs ? null : { wakeAt };",
        replace:
          "return soonest !== null && soonest - storeNow <= holdMs ? null : { wakeAt: wakeAt === null ? wakeAt : null };",
      },
    ],
  },
  {
    name: "release with a step to start",
    breaks: "An append that creates a step ends the claim, and nobody starts the step.",
    invariants: ["Q1"],
    edits: [
      {
        file: releasePlan,
        find: "if (decisions.some(startsHere)) return null;",
        replace: "",
      },
    ],
  },
  {
    name: "one retry too few",
    breaks: "The last retry that a step has is not made.",
    invariants: ["S6"],
    edits: [
      {
        file: retryPolicy,
        find: "if (failure.attempt > failure.maxRetries) return null;",
        replace: "if (failure.attempt >= failure.maxRetries) return null;",
      },
    ],
  },
  {
    name: "one retry too many",
    breaks: "A step is tried once more than it may be.",
    invariants: ["S6"],
    edits: [
      {
        file: retryPolicy,
        find: "if (failure.attempt > failure.maxRetries) return null;",
        replace: "if (failure.attempt > failure.maxRetries + 1) return null;",
      },
    ],
  },
  {
    name: "estimate of the store's clock ahead",
    breaks: "The estimate of the store's clock runs 50 ms ahead of it.",
    invariants: ["T1"],
    edits: [
      {
        file: "packages/core/src/run/store-clock.ts",
        find: "return now + (this.#estimate.offsetMs ?? 0);",
        replace: "return now + (this.#estimate.offsetMs ?? 0) + 50;",
      },
    ],
  },
];
