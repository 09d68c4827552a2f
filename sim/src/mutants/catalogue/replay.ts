/** Mutants of replay and of the hydration memo. */
import type { Mutant } from "../mutant.ts";

const delivery = "packages/core/src/replay/delivery.ts";
const execution = "packages/core/src/replay/execution.ts";
const memo = "packages/core/src/hydrate/hydration-memo.ts";

export const replayMutants: readonly Mutant[] = [
  {
    name: "no drain between deliveries",
    breaks: "All facts of a call are delivered before the microtasks of the first one run.",
    invariants: ["R1", "R3", "R4"],
    edits: [{ file: delivery, find: "realm.drain();", replace: "if (delivery === deliveries.at(-1)) realm.drain();" }],
  },
  {
    name: "two results share one drain",
    breaks: "Of two step results that are delivered in a row, the microtasks of the first run after the second.",
    invariants: ["R1", "R3", "R4"],
    edits: [
      {
        file: delivery,
        find: "realm.drain();",
        replace:
          'const isResult = (one: Delivery | undefined) => one?.fact.type === "step_completed"; const after = deliveries[deliveries.indexOf(delivery) + 1]; if (!isResult(delivery) || !isResult(after) || report.delivered % 2 === 1) realm.drain();',
      },
    ],
  },
  {
    name: "deliveries after the outcome",
    breaks: "Facts go on being delivered when the outcome of the run is known.",
    invariants: ["R2"],
    coveredBy: "the guest, whose execution is closed then and holds no operation that could take a fact",
    edits: [
      {
        file: delivery,
        find: 'if (report.state !== "waiting") return;',
        replace: 'if (report.state === "overflow") return;',
      },
    ],
  },
  {
    name: "memo keeps speculative payloads",
    breaks: "The payload of a fact that is not in the log yet is kept, and used for the one that takes its place.",
    invariants: ["S6", "R3", "R4", "R8"],
    edits: [
      {
        file: execution,
        find: "(memo, source) => memo.hydrateOnce(source)",
        replace: "(memo, source) => memo.hydrate(source)",
      },
    ],
  },
  {
    name: "memo shared across runs",
    breaks: "All claims of a process share one memo, whose places are positions in the log of one run.",
    invariants: ["S6", "R3", "R4"],
    edits: [
      {
        file: "packages/core/src/worker/execution-factory.ts",
        find: "return new HydrationMemo();",
        replace: "return sharedMemo;",
      },
      {
        file: "packages/core/src/worker/execution-factory.ts",
        find: "const aloneLimitFactor = 4;",
        replace: "const aloneLimitFactor = 4; const sharedMemo = new HydrationMemo();",
      },
    ],
  },
  {
    name: "memo answers for a neighbour",
    breaks: "The memo answers for the neighbour of the position that it is asked for.",
    invariants: ["S6", "R3", "R4", "R5"],
    edits: [
      {
        file: memo,
        find: "const known = this.#values.get(event.position);",
        replace: "const known = this.#values.get(event.position) ?? this.#values.get(event.position - 1);",
      },
    ],
  },
  {
    name: "cancelled run goes on",
    breaks: "Facts behind a cancellation, and decisions that follow from them, are delivered as before.",
    invariants: ["X1", "X2"],
    coveredBy: "the store, which writes nothing behind a terminal event",
    edits: [
      {
        file: execution,
        find: 'if (fact.type === "run_cancelled") this.#cancelled = true;',
        replace: "",
      },
    ],
  },
  {
    name: "replayed lines printed as new",
    breaks: "A replay does not know up to where an earlier execution has printed.",
    invariants: ["R8"],
    edits: [
      {
        file: execution,
        find: "for (const { cause } of events) this.#replayedUntil = Math.max(this.#replayedUntil, cause ?? 0);",
        replace: "",
      },
    ],
  },
];
