import type { LogEvent } from "@perdure/world";
import { expect, test } from "vitest";
import type { LedgerEntry } from "./ledger.ts";
import { judge } from "./verdict.ts";

const run = "wrun_1";
const begin = (attempt: number, delivery: number): LedgerEntry => entry({ kind: "begin", attempt, delivery });
const done = (attempt: number, delivery: number): LedgerEntry => entry({ kind: "done", attempt, delivery });
const ack = (attempt: number, final: boolean): LedgerEntry => entry({ kind: "ack", attempt, final });

function entry(part: object): LedgerEntry {
  return { run, step: "step_1", pid: 1, ...part } as LedgerEntry;
}

function log(...events: readonly object[]): ReadonlyMap<string, readonly LogEvent[]> {
  const full = events.map((event, index) => ({ position: index + 1, correlationId: "step_1", ...event }));
  return new Map([[run, full as unknown as readonly LogEvent[]]]);
}

const created = { type: "step_created", data: {} };
const restarted = { type: "step_started", data: { attempt: 1, delivery: 2 } };
const retrying = { type: "step_retrying", data: { attempt: 2 } };
const completed = { type: "step_completed", data: {} };
const ended = { type: "run_completed", correlationId: null };

test("a body that was lost and one that failed may begin again", () => {
  const ledger = [
    begin(1, 1),
    done(1, 1),
    begin(1, 2),
    done(1, 2),
    ack(1, false),
    begin(2, 1),
    done(2, 1),
    ack(2, true),
  ];
  expect(judge(ledger, log(created, restarted, retrying, completed, ended))).toEqual({
    broken: [],
    begun: 3,
    steps: 1,
    acknowledged: 1,
    begunAgain: 1,
    doneAndBegunAgain: 1,
    deliveriesMost: 2,
  });
});

const complete = log(created, restarted, retrying, completed, ended);

test.each([
  ["after its result was acknowledged", [begin(1, 1), ack(1, true), begin(1, 2)], complete, "acknowledged"],
  ["after its failure was acknowledged", [begin(1, 1), ack(1, false), begin(1, 2)], complete, "failure"],
  ["twice in one delivery", [begin(1, 1), begin(1, 1)], complete, "twice in one delivery"],
  ["before it was recorded", [begin(1, 2)], log(created, completed, ended), "without a record"],
  ["in a run that is not in the store", [begin(1, 1)], new Map(), "without a record"],
])("a body that begins %s is found", (_case, ledger, logs, text) => {
  expect(judge(ledger, logs).broken).toEqual([expect.stringContaining(text)]);
});

test.each([
  ["holds a step that is over twice", log(created, completed, completed, ended), "over twice"],
  ["has a hole", log(created, { ...completed, position: 3 }, { ...ended, position: 4 }), "holds event"],
  ["has no end", log(created, completed), "ends with step_completed"],
  ["ends otherwise", log(created, { type: "run_failed", correlationId: null }), "ends with run_failed"],
])("a log that %s is found", (_case, logs, text) => {
  expect(judge([], logs).broken[0]).toContain(text);
});
