/** The judgement finds what it is for: each case alters one thing of a history in which a step was lost and began again. */
import { expect, test } from "vitest";
import { type Batch, textsOf } from "./chunk-text.ts";
import type { ChaosEntry } from "./ledger-entries.ts";
import type { ChunkLine, Sighting, StreamLine } from "./stored-streams.ts";
import { judgeStreams } from "./stream-verdict.ts";

const run = "wrun_1";
const pid = 1;

/** Two chunks of an execution of `step_1`. */
const batch = (n: number, attempt = 1, delivery = 1, stream = "shared"): Batch => {
  return { run, stream, step: "step_1", attempt, delivery, n, count: 2 };
};
const send = (of: Batch, closes = false): ChaosEntry => ({ kind: "send", ...of, closes, pid });
const wrote = (of: Batch, first: number): ChaosEntry => ({ kind: "wrote", ...of, first, pid });
const begin = (attempt: number, delivery: number): ChaosEntry => {
  return { kind: "begin", run, step: "step_1", attempt, delivery, pid };
};
const retried: ChaosEntry = { kind: "ack", run, step: "step_1", attempt: 1, final: false, pid };

interface History {
  readonly ledger: readonly ChaosEntry[];
  /** The stored batches, in order. */
  readonly stored: readonly Batch[];
  readonly closed: boolean;
  readonly sightings: readonly Sighting[];
  readonly background: readonly string[];
}

const [first, second, other] = [batch(1), batch(1, 1, 2), batch(2, 1, 2)];
const all = [first, second, other];
const allTexts = all.flatMap(textsOf);
const whole: Sighting = {
  run,
  stream: "shared",
  first: 0,
  texts: allTexts,
  end: { how: { by: "writer", error: null }, count: 6 },
};

/** The answer to the first batch was lost with its worker, and a zombie's second batch is refused. */
const sound: History = {
  ledger: [
    begin(1, 1),
    send(first),
    begin(1, 2),
    send(batch(2)),
    { kind: "denied", ...batch(2), reason: "fenced", pid },
    send(second),
    wrote(second, 2),
    send(other, true),
    wrote(other, 4),
  ],
  stored: all,
  closed: true,
  sightings: [whole, { ...whole, first: 3, texts: allTexts.slice(3), end: null }],
  background: [],
};

function judged(history: Partial<History>) {
  const { ledger, stored, closed, sightings, background } = { ...sound, ...history };
  const chunks: ChunkLine[] = stored.flatMap((of) =>
    textsOf(of).map((text) => ({ run_id: of.run, name: of.stream, text })),
  );
  const streams: StreamLine[] = [{ run_id: run, name: "shared", closed, status: "completed" }];
  return judgeStreams({ ledger, chunks, streams, sightings, background: new Set(background) });
}

test("nothing is wrong with a stream of a step that was lost and began again", () => {
  expect(judged({})).toEqual({ broken: [], streams: 1, chunks: 6, acknowledged: 2, refused: 1, seen: 9 });
});

const without = (...gone: readonly Batch[]) =>
  sound.ledger.filter((entry) => !("n" in entry && gone.some((of) => isOf(entry, of))));
const isOf = (entry: Batch, of: Batch): boolean => entry.n === of.n && entry.delivery === of.delivery;

test.each<readonly [string, Partial<History>, string]>([
  ["an acknowledged batch is gone", { stored: [first, other], sightings: [] }, "acknowledged at 2"],
  ["a batch stands twice", { stored: [first, second, second, other], sightings: [] }, "behind"],
  ["batches stand in another order", { stored: [second, first, other], sightings: [] }, "behind"],
  ["nobody sent a batch", { ledger: without(first) }, "nobody has sent"],
  ["a batch stands in part", { stored: [{ ...first, count: 1 }, second, other], sightings: [] }, "a part of a batch"],
  [
    "a stream goes on after its end",
    { ledger: [...sound.ledger, send(batch(3, 1, 2))], stored: [...all, batch(3, 1, 2)], sightings: [] },
    "after its end",
  ],
  ["a stream is closed by nobody", { ledger: [...without(other), send(other)] }, "its last batch says otherwise"],
  ["the end of a stream is lost", { closed: false, sightings: [] }, "is not closed"],
  [
    "a zombie's batch is stored",
    { stored: [first, batch(2), second, other], sightings: [] },
    "sent by a stale execution",
  ],
  [
    "a gap is told",
    { ledger: [...sound.ledger, { kind: "denied", ...batch(4, 1, 2), reason: "gap", pid }] },
    "refused: gap",
  ],
  ["a reader saw what is not there", { sightings: [{ ...whole, first: 1, end: null }] }, "saw what is not there"],
  [
    "a reader saw the end too early",
    { sightings: [{ ...whole, texts: allTexts.slice(0, 4), end: { how: { by: "writer", error: null }, count: 4 } }] },
    "saw the end after 4",
  ],
  [
    "a reader saw another end",
    { sightings: [{ ...whole, end: { how: { by: "run", status: "failed" }, count: 6 } }] },
    "another end",
  ],
])("it is found that %s", (_case, history, text) => {
  expect(judged(history).broken).toContainEqual(expect.stringContaining(text));
});

const late = batch(1, 1, 1);

test.each<readonly [string, readonly ChaosEntry[], readonly string[], boolean]>([
  ["after the retry of its attempt", [retried, send(late)], [], true],
  ["after its step was over", [{ ...retried, final: true } as ChaosEntry, send(late)], [], true],
  ["after the end of its run", [{ kind: "end", run, pid }, send(late)], [], true],
  ["after a later delivery began", [begin(1, 2), send(late)], [], true],
  ["after a later delivery began in the background", [begin(1, 2), send(late)], [`${run} step_1`], false],
  ["after a later attempt began in the background", [begin(2, 1), send(late)], [`${run} step_1`], true],
  [
    "after a later delivery wrote in the background",
    [send(second), wrote(second, 0), send(late)],
    [`${run} step_1`],
    true,
  ],
  ["before all of that", [send(late), retried], [], false],
])("a batch that was sent %s", (_case, ledger, background, isStale) => {
  const stored = ledger.some((entry) => entry.kind === "wrote") ? [second, late] : [late];
  const { broken } = judged({ ledger, stored, closed: false, sightings: [], background });
  expect(broken.some((what) => what.includes("stale execution"))).toBe(isStale);
});
