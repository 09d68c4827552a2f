import { expect, test } from "vitest";
import type { LedgerEntry } from "../crash/ledger.ts";
import { judgeBodies, type StepLine } from "./bodies.ts";

const run = "wrun_1";
const step = "step_1";
const begin = (attempt: number, delivery: number): LedgerEntry => ({
  kind: "begin",
  run,
  step,
  attempt,
  delivery,
  pid: 1,
});
const ack: LedgerEntry = { kind: "ack", run, step, attempt: 1, final: true, pid: 1 };
const line = (delivery: number, isOver = false): StepLine => ({
  run_id: run,
  step,
  attempt: 1,
  delivery,
  is_over: isOver,
});

test("a body that was lost begins again, and one of a worker that was taken over may come late", () => {
  const lines = [line(1), line(2), line(2, true)];
  expect(judgeBodies([begin(1, 2), ack, begin(1, 1)], lines)).toEqual({
    broken: [],
    begun: 2,
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

test("an epoch that two processes were given is found", () => {
  const claim = (pid: number): LedgerEntry => ({ kind: "claim", run, epoch: 2, pid });
  expect(judgeBodies([claim(1), claim(1), claim(2)], []).broken).toEqual([expect.stringContaining("two processes")]);
});
