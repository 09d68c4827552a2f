/** Mutants of jobs: the rules, the store that keeps them, and the worker that executes them. */
import type { Mutant } from "../mutant.ts";

const rules = "packages/world/src/step-jobs.ts";
const eventRules = "packages/world/src/event-rules.ts";
const memorySteps = "packages/world/src/memory/memory-steps.ts";
const memoryJobs = "packages/world/src/memory/memory-jobs.ts";
const executor = "packages/core/src/worker/background-steps.ts";

export const jobMutants: readonly Mutant[] = [
  {
    name: "result of a lost delivery taken",
    breaks: "What an executor reports counts from any delivery of a background step.",
    invariants: ["S4"],
    edits: [
      {
        file: eventRules,
        find: "const current = isBackground ? context.job : step;",
        replace: "const current = isBackground ? context.start : step;",
      },
    ],
  },
  {
    name: "jobs that outlive their run",
    breaks: "The end of a run leaves its jobs where they are.",
    invariants: ["T4"],
    edits: [{ file: memoryJobs, find: "if (droppedAll) this.#runs.delete(runId);", replace: "" }],
  },
  {
    name: "job taken from a live worker",
    breaks: "A job is given to whoever asks, also while the worker lives that has it.",
    invariants: ["S3", "S1"],
    edits: [
      { file: memorySteps, find: ' || owner === "alive"', replace: "" },
      { file: rules, find: 'if (owner === "alive") return false;', replace: 'if (owner === "alive") return true;' },
    ],
  },
  {
    name: "deliveries of jobs not counted",
    breaks: "A job that is taken again is the same delivery.",
    invariants: ["S3", "S4"],
    edits: [{ file: rules, find: "delivery: job.delivery + 1", replace: "delivery: Math.max(1, job.delivery)" }],
  },
  {
    name: "retry of a background step at once",
    breaks: "The next attempt of a background step does not wait until it is due.",
    invariants: ["T1"],
    edits: [{ file: rules, find: "readyAt: retryAt }", replace: "readyAt: event.committedAt }" }],
  },
  {
    name: "result of a background step that wakes nobody",
    breaks: "What an executor reports makes no run due.",
    invariants: ["Q1"],
    edits: [
      {
        file: "packages/world/src/admit.ts",
        find: "run.owner === null && concernsDriver ? context.storeNow : run.wakeAt",
        replace: 'run.owner === null && request.by === "outside" ? context.storeNow : run.wakeAt',
      },
    ],
  },
  {
    name: "unknown jobs never given back",
    breaks: "A worker keeps jobs that it has and does not know of, because the answer was lost.",
    invariants: ["Q5"],
    aims: ["jobs.claim"],
    edits: [
      {
        file: executor,
        find: "        await world.steps.release(workerId, job.runId, deliveryOf(job));\n      }\n    }",
        replace: "      }\n    }",
      },
    ],
  },
  {
    name: "background step run by its driver too",
    breaks: "A driver starts the bodies of background steps as well.",
    invariants: ["S5", "S3", "Q4"],
    edits: [
      {
        file: "packages/core/src/run/held-run.ts",
        find: "if (!this.#work.isBackground(correlationId)) this.#undispatched.push(event);",
        replace: "this.#undispatched.push(event);",
      },
    ],
  },
];
