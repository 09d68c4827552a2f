/** Random writers against the rules: whatever is sent, and however often, what stands in a stream is what was meant. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { StepView } from "./run-view.ts";
import { admitStreamAppend, type StreamMark, streamWriterId } from "./stream-rules.ts";
import type { StreamAppend, StreamWriter } from "./streams.ts";

interface Written {
  readonly writerId: string;
  readonly writer: StreamWriter;
  readonly n: number;
}

/** A stream as the smallest of backends would keep it. */
class PureStream {
  status: "running" | "completed" = "running";
  isClosed = false;
  readonly chunks: Written[] = [];
  readonly marks = new Map<string, StreamMark>();
  readonly steps = new Map<string, StepView>();

  step(id: string): StepView {
    const known = this.steps.get(id);
    if (known !== undefined) return known;
    const made: StepView = {
      kind: "step",
      stepId: id,
      name: id,
      ordinal: 1,
      dispatch: id === "inline" ? "inline" : "background",
      state: "open",
      attempt: 1,
      delivery: 1,
      epoch: 1,
      retryAt: null,
      position: 1,
    };
    this.steps.set(id, made);
    return made;
  }

  /** The verdict's kind, and where the batch stands. */
  append(request: StreamAppend): { readonly kind: string; readonly first: number | null } {
    const { writer, n, chunks, close } = request;
    const writerId = streamWriterId(writer);
    const verdict = admitStreamAppend(request, {
      run: this,
      step: writer.by === "step" ? this.step(writer.step) : null,
      stream: this.marks.size === 0 ? null : { count: this.chunks.length, isClosed: this.isClosed },
      mark: this.marks.get(writerId) ?? null,
    });
    if (verdict.kind === "repeated") return { kind: "repeated", first: verdict.first };
    if (verdict.kind !== "admitted") return { kind: verdict.kind, first: null };
    const first = this.chunks.length;
    this.marks.set(writerId, { ...verdict.mark, first });
    for (const _ of chunks) this.chunks.push({ writerId, writer, n });
    this.isClosed = close !== null;
    return { kind: "admitted", first };
  }
}

const small = fc.integer({ min: 1, max: 3 });

const anyWriter: fc.Arbitrary<StreamWriter> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      by: fc.constant("step" as const),
      step: fc.constantFrom("inline", "background"),
      attempt: small,
      delivery: small,
    }),
  },
  { weight: 1, arbitrary: fc.record({ by: fc.constant("outside" as const), key: fc.constantFrom("a", "b") }) },
);

type Move =
  | {
      readonly kind: "append";
      readonly writer: StreamWriter;
      readonly n: number;
      readonly size: number;
      readonly closes: boolean;
    }
  | { readonly kind: "turn"; readonly step: string; readonly isRetry: boolean }
  | { readonly kind: "done"; readonly step: string }
  | { readonly kind: "end" };

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      writer: anyWriter,
      n: fc.integer({ min: 1, max: 4 }),
      size: fc.integer({ min: 0, max: 2 }),
      closes: fc.integer({ min: 0, max: 30 }).map((dice) => dice === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("turn" as const),
      step: fc.constantFrom("inline", "background"),
      isRetry: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("done" as const), step: fc.constantFrom("inline", "background") }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "end" as const }) },
);

/** One move, and what must hold of it by itself. */
function play(stream: PureStream, move: Move): void {
  if (move.kind === "end") stream.status = "completed";
  else if (move.kind === "done") stream.steps.set(move.step, { ...stream.step(move.step), state: "done" });
  else if (move.kind === "turn") {
    const { attempt, delivery, ...rest } = stream.step(move.step);
    const turn = move.isRetry ? { attempt: attempt + 1, delivery: 1 } : { attempt, delivery: delivery + 1 };
    stream.steps.set(move.step, { ...rest, ...turn });
  } else {
    const { writer, n, size, closes } = move;
    const before = stream.chunks.length;
    const wasOver = stream.isClosed || stream.status === "completed";
    const chunks = Array.from({ length: size }, () => new Uint8Array([n]));
    const request: StreamAppend = { name: "out", writer, n, chunks, close: closes ? { error: null } : null };
    const result = stream.append(request);
    if (wasOver || result.kind !== "admitted") expect(stream.chunks).toHaveLength(before);
    if (result.kind === "admitted") {
      expect(result.first).toBe(before);
      expect(stream.append(request)).toEqual({ kind: "repeated", first: before });
      expect(stream.chunks).toHaveLength(before + size);
    }
  }
}

const turnOf = (writer: StreamWriter): number => (writer.by === "step" ? writer.attempt * 1_000 + writer.delivery : 0);

test("C1 C2 C4: each writer's batches stand once and in order, and no execution of a step after a later one", () => {
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 60 }), (moves) => {
      const stream = new PureStream();
      for (const move of moves) play(stream, move);
      for (const writerId of stream.marks.keys()) {
        const own = stream.chunks.filter((chunk) => chunk.writerId === writerId);
        const order = own.map(({ writer, n }) => turnOf(writer) * 1_000 + n);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        const batches = new Map<number, number>();
        for (const key of order) batches.set(key, (batches.get(key) ?? 0) + 1);
        expect([...batches.values()].every((size) => size <= 2)).toBe(true);
      }
    }),
  );
});
