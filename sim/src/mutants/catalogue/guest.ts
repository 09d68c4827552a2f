/** Mutants of the code in the realm. */
import type { Mutant } from "../mutant.ts";

const guest = "packages/core/src/realm/guest";
const hook = `${guest}/hook.ts`;

export const guestMutants: readonly Mutant[] = [
  {
    name: "wall clock in the realm",
    breaks: "`Date.now()` of workflow code is the clock of the machine.",
    invariants: ["R1", "R3", "R4", "R5"],
    edits: [
      {
        file: `${guest}/globals/date.ts`,
        find: "const now = (): number => currentOrNull()?.at ?? 0;",
        replace: "const hostNow = Date.now; const now = (): number => (currentOrNull() === null ? 0 : hostNow());",
      },
    ],
  },
  {
    name: "random draws not seeded",
    breaks: "`Math.random()` of workflow code draws from the machine's chance.",
    invariants: ["R1", "R3", "R4", "R5"],
    edits: [
      {
        file: `${guest}/globals/random.ts`,
        find: "const bytesMax = 65_536;",
        replace: "const bytesMax = 65_536; const hostRandom = Math.random;",
      },
      {
        file: `${guest}/globals/random.ts`,
        find: 'const stream = currentContext().stream("math");',
        replace: "const stream = { nextUint32: () => Math.floor(hostRandom() * 2 ** 32) };",
      },
    ],
  },
  {
    name: "random draws go on over a replay",
    breaks: "The executions of one run share their random streams, so that a replay draws other numbers.",
    invariants: ["R1", "R3", "R4", "R5"],
    edits: [
      {
        file: `${guest}/orchestrator-context.ts`,
        find: "let stream = this.#streams[purpose];",
        replace: "let stream = kept.get(this.#seedHex + purpose);",
      },
      {
        file: `${guest}/orchestrator-context.ts`,
        find: "this.#streams[purpose] = stream;",
        replace: "kept.set(this.#seedHex + purpose, stream);",
      },
      {
        file: `${guest}/orchestrator-context.ts`,
        find: "let current: OrchestratorContext | null = null;",
        replace: "const kept = new Map<string, ChaChaStream>(); let current: OrchestratorContext | null = null;",
      },
    ],
  },
  {
    name: "arguments read late",
    breaks: "The arguments of a step are encoded one microtask after the call, when the program may have changed them.",
    invariants: ["S6"],
    edits: [
      {
        file: `${guest}/step.ts`,
        find: "return context.wait(key);",
        replace:
          'const late = context.decisions.at(-1); void Promise.resolve().then(() => Object.assign(late as object, encodeValue(Array.from(args), "late"))); return context.wait(key);',
      },
    ],
  },
  {
    name: "results shared as objects",
    breaks: "An execution is given the very object that an earlier one was given for the same payload.",
    invariants: ["S6", "R1", "R4", "R5"],
    edits: [
      {
        file: `${guest}/entry.ts`,
        find: 'const decoded = kind === "text" ? decodeOrReport(() => decodeStaged(value as string)) : value;',
        replace:
          'const fresh = kind === "text" ? decodeOrReport(() => decodeStaged(value as string)) : value; const place = context.runId + position; if (!kept.has(place)) kept.set(place, fresh); const decoded = kept.get(place);',
      },
      {
        file: `${guest}/entry.ts`,
        find: 'let problem = "";',
        replace: 'let problem = ""; const kept = new Map<string, unknown>();',
      },
    ],
  },
  {
    name: "hook awaiters not shared",
    breaks: "Each await of a hook waits for a payload of its own, so a race that is over takes one.",
    invariants: ["H2", "S6", "Q5"],
    edits: [
      {
        file: hook,
        find: "#next: PromiseWithResolvers<Arrival<T>> | null = null;",
        replace:
          "#next: PromiseWithResolvers<Arrival<T>> | null = null; #waiting: PromiseWithResolvers<Arrival<T>>[] = [];",
      },
      {
        file: hook,
        find: "if (this.#next === null) {",
        replace:
          "const own = Promise.withResolvers<Arrival<T>>(); void handled(own.promise); this.#waiting.push(own); if (own !== null) return own.promise; if (this.#next === null) {",
      },
      {
        file: hook,
        find: "if (this.#next === null) this.#payloads.push(payload);",
        replace:
          "const first = this.#waiting.shift(); if (first !== undefined) { first.resolve({ done: false, value: payload }); return; } if (this.#next === null) this.#payloads.push(payload);",
      },
      {
        file: hook,
        find: "this.#next?.resolve(end);",
        replace: "for (const one of this.#waiting.splice(0)) one.resolve(end);",
      },
      {
        file: hook,
        find: "this.#next?.reject(error);",
        replace: "for (const one of this.#waiting.splice(0)) one.reject(error);",
      },
    ],
  },
  {
    name: "payload dropped when nobody waits",
    breaks: "A payload that arrives while the program does not wait for it is forgotten.",
    invariants: ["H2", "S6"],
    edits: [
      {
        file: hook,
        find: "if (this.#next === null) this.#payloads.push(payload);",
        replace: "if (this.#next === null) return;",
      },
    ],
  },
  {
    name: "payloads last in first out",
    breaks: "Of the payloads at hand a hook gives the newest first.",
    invariants: ["H2", "S6"],
    edits: [{ file: hook, find: "this.#payloads.shift() as T", replace: "this.#payloads.pop() as T" }],
  },
  {
    name: "conflict not told to the code",
    breaks: "The code that created a hook is not told that another run holds its token.",
    invariants: ["Q5", "Q1"],
    edits: [
      {
        file: `${guest}/entry.ts`,
        find: 'if (pending !== undefined) pending.reject(new HookConflictError(pending.token ?? "", conflictingRunId, place));',
        replace: "void place; void HookConflictError; if (pending !== undefined) context.pending.set(key, pending);",
      },
    ],
  },
  {
    name: "console lines of the past marked as new",
    breaks: "Every console line is said to belong to the newest delivery.",
    invariants: ["R8"],
    edits: [
      {
        file: `${guest}/console.ts`,
        find: "position: context.position });",
        replace: "position: Number.MAX_SAFE_INTEGER });",
      },
    ],
  },
];
