/** Mutants of the run machine: what is sent when, and what an answer changes. */
import type { Mutant } from "../mutant.ts";

const machine = "packages/core/src/run/run-machine.ts";
const rules = "packages/world/src/admit.ts";

/** A resident execution believes that it knows the whole log. */
const staleResident = {
  file: machine,
  find: "this.#knownTail = tail;\n",
  replace:
    'if (residence !== null) { this.#held.adopt(residence); this.#state = { kind: "loading" }; return [{ kind: "read", after: 1_000_000 }]; }',
};

const noTailCheck = {
  file: rules,
  find: 'if (request.ifTail !== null && request.ifTail !== run.tail) return { kind: "moved" };',
  replace: "",
};

export const runMachineMutants: readonly Mutant[] = [
  {
    name: "dispatch before acknowledgement",
    breaks: "Bodies start when the append that records their steps is sent.",
    invariants: ["S5", "D4"],
    edits: [
      {
        file: machine,
        find: "return [this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];",
        replace: `const early = this.#held.execution.planned().filter((it) => it.type === "step_created").map((it) => ({ kind: "runStep", task: { created: { ...it, position: 0 }, correlationId: it.correlationId, attempt: 1, delivery: 1, workflow: this.#held.work.workflow } }) as unknown as Effect);
          return [...early, this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];`,
      },
    ],
  },
  {
    name: "dispatch while decisions are unwritten",
    breaks: "Bodies start while decisions that were planned before them are still to be written.",
    invariants: ["D4"],
    edits: [
      {
        file: machine,
        find: "const effects = execution.planned().length === 0 ? this.#held.dispatch(storeNow) : [];",
        replace: "const effects = this.#held.dispatch(storeNow);",
      },
    ],
  },
  {
    name: "unknown result taken for written",
    breaks: "An append whose answer was lost counts as written.",
    invariants: ["S5", "R4", "Q5"],
    edits: [
      { file: machine, find: "return this.#onUnknown();", replace: "return this.#onUnknown(now);" },
      {
        file: machine,
        find: "#onUnknown(): readonly Effect[] {",
        replace: "#onUnknown(now: number): readonly Effect[] {",
      },
      {
        file: machine,
        find: 'if (state.kind === "appending") return [{ kind: "append", request: state.request, resend: true }];',
        replace: `if (state.kind === "appending") {
          const { facts, decisions, after, epoch } = state.request;
          const events = [...facts, ...decisions].map((it, index) => ({ cause: null, ...it, at: it.at ?? 0, position: after + index + 1, committedAt: 0, epoch, key: null, data: it.type === "wait_created" ? { ...it.data, resumeAt: it.data.resumeAt ?? it.at + (it.data.durationMs ?? 0) } : it.data }));
          return this.#acknowledged(events as unknown as LogEvent[], false, now);
        }`,
      },
    ],
  },
  {
    name: "unknown result taken for unwritten",
    breaks: "After an append whose answer was lost the machine takes its next turn, as if nothing had been sent.",
    invariants: ["D3", "R4"],
    edits: [
      { file: machine, find: "return this.#onUnknown();", replace: "return this.#onUnknown(now);" },
      {
        file: machine,
        find: "#onUnknown(): readonly Effect[] {",
        replace: "#onUnknown(now: number): readonly Effect[] {",
      },
      {
        file: machine,
        find: 'if (state.kind === "appending") return [{ kind: "append", request: state.request, resend: true }];',
        replace: 'if (state.kind === "appending") { this.#state = { kind: "ready" }; return this.#settle(now); }',
      },
    ],
  },
  {
    name: "resent append gets a new number",
    breaks: "An append that is sent again is another append to the store.",
    invariants: ["L5", "R4"],
    edits: [
      {
        file: machine,
        find: 'if (state.kind === "appending") return [{ kind: "append", request: state.request, resend: true }];',
        replace: `if (state.kind === "appending") {
          this.#n += 1;
          const request = { ...state.request, n: this.#n };
          this.#state = { kind: "appending", request };
          return [{ kind: "append", request, resend: true }];
        }`,
      },
    ],
  },
  {
    name: "speculation kept after a move",
    breaks: "The execution that was fed facts which lost their places is not thrown away.",
    invariants: ["R4", "R3"],
    edits: [
      {
        file: machine,
        find: "this.#safe = true;\n        return this.#rebuild();",
        replace: "this.#safe = true;\n        return this.#load();",
      },
    ],
  },
  {
    name: "fenced driver goes on",
    breaks: "A driver that was told that its claim is gone reads the log again and starts what it finds open.",
    invariants: ["D1"],
    edits: [
      {
        file: machine,
        find: 'case "fenced":\n        return this.#end({ kind: "fenced" });',
        replace: 'case "fenced":\n        return this.#rebuild();',
      },
    ],
  },
  {
    name: "stale resident alone",
    breaks: "A resident execution is not fed what was written since it was released.",
    invariants: ["Q5", "R4"],
    edits: [staleResident],
  },
  {
    name: "no tail check",
    breaks: "A speculative append is written whatever was written before it.",
    invariants: ["R4", "R3"],
    edits: [noTailCheck],
  },
  {
    name: "stale resident",
    breaks: "A resident execution is not fed what was written since it was released, and no tail is compared.",
    invariants: ["R1", "R3", "R4"],
    pair: true,
    edits: [staleResident, noTailCheck],
  },
  {
    name: "old prefix taken for the log",
    breaks: "A read that a lagging copy answered with less than there is counts as the whole log.",
    invariants: ["L8", "R4", "S2"],
    edits: [
      {
        file: machine,
        find: "    if (this.#held.tail < this.#knownTail) return this.#load(events.length === 0);\n",
        replace: "",
      },
      { file: machine, find: "    if (this.#held.tail < this.#knownTail) return this.#load();\n", replace: "" },
    ],
  },
  {
    name: "results forgotten when sent",
    breaks: "A result leaves the machine when its append is sent, and is lost when the append is not written.",
    invariants: ["S3", "Q5"],
    edits: [
      {
        file: machine,
        find: "return [this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];",
        replace: `const sent = [this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];
          for (const { correlationId } of facts) if (correlationId !== null) this.#held.dropResult(correlationId);
          return sent;`,
      },
    ],
  },
  {
    name: "lines printed before acknowledgement",
    breaks: "Console lines of a speculative delivery are printed at once, and stay printed when it is dropped.",
    invariants: ["R8"],
    edits: [
      {
        file: machine,
        find: "return [this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];",
        replace: `const lines = this.#held.execution.takeConsole();
          const printed: Effect[] = lines.length > 0 ? [{ kind: "print", lines }] : [];
          return [...printed, this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];`,
      },
    ],
  },
  {
    name: "release with decisions left over",
    breaks: "An append that was cut at the store's limit ends the claim although decisions are left over.",
    invariants: ["Q1", "Q5"],
    edits: [
      {
        file: machine,
        find: "const isAll = decisions.length === planned.length && facts.length < this.#factsMax;",
        replace: "const isAll = true;",
      },
    ],
  },
  {
    name: "release on the safe path",
    breaks: "An append of facts that were not delivered yet ends the claim.",
    invariants: ["Q1", "Q5"],
    edits: [{ file: machine, find: "release: isAll && !this.#safe ?", replace: "release: isAll ?" }],
  },
  {
    name: "release while a body runs",
    breaks: "An append ends the claim although a body of the run is still running.",
    invariants: ["Q1", "S3"],
    edits: [
      {
        file: machine,
        find: "if (this.#closing !== null || runningCount > 0 || undispatchedCount > 0) return null;",
        replace: "if (this.#closing !== null || runningCount < 0 || undispatchedCount > 0) return null;",
      },
    ],
  },
  {
    name: "retry due waits in a busy loop",
    breaks: "A retry that waits for a free slot sets a timer of no length, over and over.",
    invariants: ["Q5"],
    edits: [
      {
        file: machine,
        find: "const next = work.nextDue(storeNow);",
        replace: "const next = work.nextDue();",
      },
      {
        file: machine,
        find: "delayMs: next === null ? null : next - storeNow }];",
        replace: "delayMs: next === null ? null : Math.max(0, next - storeNow) }];",
      },
    ],
  },
  {
    name: "idle run never given back",
    breaks: "A run that waits for a far timer or a hook is held on to without a timer.",
    invariants: ["D5", "Q5"],
    edits: [
      {
        file: machine,
        find: "if (due === null || due - storeNow > this.#setup.holdMs) return this.#release(due);",
        replace: "if (due === null || due - storeNow > this.#setup.holdMs) return [stopTimer];",
      },
    ],
  },
  {
    name: "release forgets its timer",
    breaks: "A run is given back without the moment at which it has to be looked at again.",
    invariants: ["Q1"],
    edits: [
      {
        file: machine,
        find: "const request = { epoch: this.#setup.epoch, ifTail: this.#held.tail, wakeAt };",
        replace:
          "const request = { epoch: this.#setup.epoch, ifTail: this.#held.tail, wakeAt: wakeAt === null ? wakeAt : null };",
      },
    ],
  },
];
