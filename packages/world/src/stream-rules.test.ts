import { StoreError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import type { StepView } from "./run-view.ts";
import {
  admitStreamAppend,
  assertStreamAppendFits,
  isStreamPageReady,
  type StreamContext,
  type StreamMark,
  streamEnd,
  streamIndex,
  streamWriterId,
} from "./stream-rules.ts";
import { type StreamAppend, type StreamPage, streamBounds } from "./streams.ts";

const chunk = new Uint8Array([1]);

function stepView(parts: Partial<StepView> = {}): StepView {
  return {
    kind: "step",
    stepId: "step//a",
    name: "a",
    ordinal: 1,
    dispatch: "inline",
    state: "open",
    attempt: 2,
    delivery: 2,
    epoch: 1,
    retryAt: null,
    position: 3,
    ...parts,
  };
}

const markOf = (attempt: number, delivery: number, n: number, first = 0): StreamMark => ({
  attempt,
  delivery,
  n,
  first,
});

function byStep(n: number, attempt = 2, delivery = 2, parts: Partial<StreamAppend> = {}): StreamAppend {
  const writer = { by: "step", step: "step_a", attempt, delivery } as const;
  return { name: "out", writer, n, chunks: [chunk], close: null, ...parts };
}

const byOutside = (n: number): StreamAppend => ({ ...byStep(n), writer: { by: "outside", key: "k" } });

const context = (parts: Partial<StreamContext> = {}): StreamContext => ({
  run: { status: "running" },
  step: stepView(),
  stream: null,
  mark: null,
  ...parts,
});

const open = { count: 7, isClosed: false };
const closed = { count: 7, isClosed: true };
const refused = (reason: string) => ({ kind: "refused", reason });

describe("an append to a stream", () => {
  it.each<[string, StreamAppend, Partial<StreamContext>, object]>([
    ["the first of a step", byStep(1), {}, { kind: "admitted", mark: { attempt: 2, delivery: 2, n: 1 } }],
    [
      "the first of an outside writer",
      byOutside(1),
      { step: null },
      { kind: "admitted", mark: { attempt: 0, delivery: 0, n: 1 } },
    ],
    [
      "the next one",
      byStep(5),
      { stream: open, mark: markOf(2, 2, 4) },
      { kind: "admitted", mark: { attempt: 2, delivery: 2, n: 5 } },
    ],
    [
      "the first of the next delivery",
      byStep(1),
      { stream: open, mark: markOf(2, 1, 9) },
      { kind: "admitted", mark: { attempt: 2, delivery: 2, n: 1 } },
    ],
    ["the same again", byStep(4), { stream: open, mark: markOf(2, 2, 4, 6) }, { kind: "repeated", first: 6 }],
    ["an older one of the writer", byStep(3), { stream: open, mark: markOf(2, 2, 4) }, { kind: "fenced" }],
    ["one with a gap before it", byStep(6), { stream: open, mark: markOf(2, 2, 4) }, refused("gap")],
    ["a first one that is not the first", byStep(2), {}, refused("gap")],
    ["an older delivery than the log's", byStep(1, 2, 1), {}, { kind: "fenced" }],
    ["an older attempt than the log's, of a later delivery", byStep(1, 1, 9), {}, { kind: "fenced" }],
    [
      "an older delivery than one that has written",
      byStep(1),
      { stream: open, mark: markOf(2, 3, 1) },
      { kind: "fenced" },
    ],
    ["a later delivery than the log's", byStep(1, 2, 3), {}, refused("step_unknown")],
    [
      "a later attempt of a background step",
      byStep(1, 3, 1),
      { step: stepView({ dispatch: "background" }) },
      { kind: "admitted", mark: { attempt: 3, delivery: 1, n: 1 } },
    ],
    ["a step that the log does not know", byStep(1), { step: null }, refused("step_unknown")],
    ["a step that is done", byStep(1), { step: stepView({ state: "done" }) }, refused("step_done")],
    ["a run that has ended", byOutside(1), { run: { status: "cancelled" } }, refused("run_ended")],
    ["a stream that is closed", byOutside(1), { stream: closed }, refused("closed")],
  ])("%s", (_, request, parts, verdict) => {
    expect(admitStreamAppend(request, context(parts))).toEqual(verdict);
  });

  it("is answered as before when it is sent again, whatever is over by then", () => {
    const over = { run: { status: "completed" }, step: stepView({ state: "done" }), stream: closed } as const;
    const verdict = admitStreamAppend(byStep(4), context({ ...over, mark: markOf(2, 2, 4, 6) }));
    expect(verdict).toEqual({ kind: "repeated", first: 6 });
  });

  it("of a stale writer is never answered with a success, not even when it is sent again", () => {
    const parts = { stream: closed, mark: markOf(2, 1, 4, 6) };
    expect(admitStreamAppend(byStep(4, 2, 1), context(parts))).toEqual({ kind: "fenced" });
  });

  it("that only closes a closed stream is taken and changes nothing", () => {
    const request = byStep(1, 2, 2, { chunks: [], close: { error: chunk } });
    expect(admitStreamAppend(request, context({ stream: closed }))).toEqual({ kind: "repeated", first: 7 });
    expect(admitStreamAppend({ ...request, chunks: [chunk] }, context({ stream: closed }))).toEqual(refused("closed"));
  });
});

describe("what is read of a stream", () => {
  it("ends with its writer, else with its run", () => {
    expect(streamEnd(null, { status: "running" })).toBeNull();
    expect(streamEnd(null, { status: "failed" })).toEqual({ by: "run", status: "failed" });
    expect(streamEnd({ error: chunk }, { status: "failed" })).toEqual({ by: "writer", error: chunk });
  });

  it("begins at an index from the beginning or from the end", () => {
    expect([0, 3, 12, -1, -10, -11].map((from) => streamIndex(from, 10))).toEqual([0, 3, 12, 9, 0, 0]);
  });

  it("is worth an answer when there is a chunk or an end", () => {
    const page: StreamPage = { first: 3, chunks: [], count: 3, end: null };
    expect(isStreamPageReady(page)).toBe(false);
    expect(isStreamPageReady({ ...page, count: 4 })).toBe(true);
    expect(isStreamPageReady({ ...page, end: { by: "writer", error: null } })).toBe(true);
  });
});

describe("the bounds of an append", () => {
  it("keep writers of different kinds apart, whatever they are called", () => {
    const step = streamWriterId({ by: "step", step: "x", attempt: 1, delivery: 1 });
    expect(step).not.toBe(streamWriterId({ by: "outside", key: "x" }));
    expect(step).toBe(streamWriterId({ by: "step", step: "x", attempt: 2, delivery: 3 }));
  });

  it("count the error that ends a stream", () => {
    const error = new Uint8Array(streamBounds.chunkBytes + 1);
    const call = () => assertStreamAppendFits(byStep(1, 1, 1, { chunks: [], close: { error } }));
    expect(call).toThrow(StoreError);
    expect(() => assertStreamAppendFits(byStep(1, 1, 1, { chunks: [], close: { error: chunk } }))).not.toThrow();
  });
});
