import { expect, test } from "vitest";
import { judgeBodies, type StepLine } from "./bodies.ts";
import type { ChaosEntry } from "./ledger-entries.ts";

const run = "wrun_1";
const step = "step_1";
const begin = (attempt: number, delivery: number): ChaosEntry => ({
  kind: "begin",
  run,
  step,
  attempt,
  delivery,
  pid: 1,
});
const ack: ChaosEntry = { kind: "ack", run, step, attempt: 1, final: true, pid: 1 };
const line = (delivery: number, isOver = false): StepLine => ({
  run_id: run,
  step,
  attempt: 1,
  delivery,
  is_over: isOver,
  is_background: false,
});
const inBackground = { ...line(1), is_background: true };
const take = (delivery: number, pid: number): ChaosEntry => ({ kind: "take", run, step, attempt: 1, delivery, pid });

test("a body that was lost begins again, and one of a worker that was taken over may come late", () => {
  const lines = [line(1), line(2), line(2, true)];
  expect(judgeBodies([begin(1, 2), ack, begin(1, 1)], lines)).toEqual({
    broken: [],
    begun: 2,
    begunInBackground: 0,
    begunAgain: 1,
    begunLate: 1,
  });
});

test.each([
  ["after its result was acknowledged", [ack, begin(1, 1)], [line(1), line(1, true)], "acknowledged"],
  ["after an earlier delivery ended the step", [ack, begin(1, 2)], [line(1), line(2), line(1, true)], "acknowledged"],
  ["twice in one delivery", [begin(1, 1), begin(1, 1)], [line(1)], "twice in one delivery"],
  ["before it was recorded", [begin(1, 2)], [line(1)], "without a record"],
])("a body that begins %s is found", (_case, ledger, lines, text) => {
  expect(judgeBodies(ledger, lines).broken).toEqual([expect.stringContaining(text)]);
});

test("deliveries of a background step are those that were taken", () => {
  expect(judgeBodies([take(1, 1), begin(1, 1), take(2, 1), begin(1, 2)], [inBackground])).toMatchObject({
    broken: [],
    begunInBackground: 2,
    begunAgain: 1,
  });
});

test.each([
  ["was taken by nobody", [begin(1, 2)], "without a record"],
  ["was taken by another process", [take(2, 2), begin(1, 2)], "without a record"],
  ["was given to two processes", [take(1, 1), take(1, 2)], "two processes"],
])("a delivery of a background step that %s is found", (_case, ledger, text) => {
  expect(judgeBodies(ledger, [inBackground]).broken).toEqual([expect.stringContaining(text)]);
});

test("an attempt of a background step that the log does not know is found", () => {
  const ledger = [{ ...take(1, 1), attempt: 2 } as ChaosEntry, begin(2, 1)];
  expect(judgeBodies(ledger, [inBackground]).broken).toEqual([expect.stringContaining("without a record")]);
});

test("an epoch that two processes were given is found", () => {
  const claim = (pid: number): ChaosEntry => ({ kind: "claim", run, epoch: 2, pid });
  expect(judgeBodies([claim(1), claim(1), claim(2)], []).broken).toEqual([expect.stringContaining("two processes")]);
});
