import { expect, test } from "vitest";
import type { LedgerLine } from "../src/ledger.ts";
import { judge } from "../src/verdict.ts";

const killed = 1;
const heir = 2;
const line = (step: string, event: LedgerLine["event"], pid: number): LedgerLine => ({
  step,
  event,
  pid,
  subject: step,
});
const ran = (step: string, pid: number): LedgerLine[] => [line(step, "start", pid), line(step, "done", pid)];

test("a step on record, one in flight and one that came later keep the promise", () => {
  const ledger = [...ran("a", killed), line("b", "start", killed), ...ran("b", heir), ...ran("c", heir)];
  expect(judge(ledger, killed, new Set(["a"]))).toEqual({
    recordedBefore: 1,
    finishedAfter: 2,
    inFlight: 1,
    doneUnrecorded: 0,
    repeated: [],
    unfinished: [],
  });
});

test("a body that was done before its result was on record may run again, and is counted", () => {
  const verdict = judge([...ran("a", killed), ...ran("a", heir)], killed, new Set());
  expect(verdict).toMatchObject({ inFlight: 1, doneUnrecorded: 1, repeated: [] });
});

test.each([
  ["in the next worker", [...ran("a", killed), ...ran("a", heir)]],
  ["in the same worker", [...ran("a", killed), ...ran("a", killed)]],
  ["and did not get far", [...ran("a", killed), line("a", "start", heir)]],
])("a step on record whose body starts again %s breaks the promise", (_where, ledger) => {
  expect(judge(ledger, killed, new Set(["a"])).repeated).toEqual(["a"]);
});

test("a step on record that the ledger does not know breaks the promise", () => {
  expect(judge([], killed, new Set(["a"])).repeated).toEqual(["a"]);
});

test("a body that never reached its end is named", () => {
  expect(judge([line("a", "start", killed)], killed, new Set()).unfinished).toEqual(["a"]);
});
