import { describe, expect, test } from "vitest";
import { PureRun } from "../test/pure-run.ts";
import {
  admitPark,
  admitRelease,
  admitUnpark,
  endedShownMs,
  expiriesMax,
  inTurns,
  isClaimable,
  isEagerClaimGone,
  isPolled,
  ownerState,
  takeOver,
} from "./claim-rules.ts";
import { cancelled, hookCreated, received, runCompleted, stepCreated } from "./conformance/requests.ts";
import type { RunRecord } from "./run-record.ts";

const now = 5_000_000;
const idle = (changes: Partial<RunRecord> = {}): RunRecord => ({ ...new PureRun().run, wakeAt: now, ...changes });
const held = (changes: Partial<RunRecord> = {}): RunRecord => ({ ...PureRun.started().run, ...changes });
const parked = { reason: "diverged", detail: "", position: null, since: 1 } as const;

describe("the owner of a run", () => {
  test("lives while its last beat is younger than its lease", () => {
    expect(ownerState(idle(), { at: now, leaseMs: 10 }, now)).toBe("none");
    expect(ownerState(held(), { at: now - 9, leaseMs: 10 }, now)).toBe("alive");
    expect(ownerState(held(), { at: now - 10, leaseMs: 10 }, now)).toBe("dead");
    expect(ownerState(held(), null, now)).toBe("dead");
  });
});

describe("runs that are due", () => {
  const inTurn = (workflows: readonly (readonly number[])[], max: number) => inTurns(workflows, (at) => at, max);

  test("are taken one of each workflow in turn, the longest due first", () => {
    const workflows = [[1, 2, 3, 4], [], [9], [5, 8]];
    expect(inTurn(workflows, 100)).toEqual([1, 5, 9, 2, 8, 3, 4]);
    for (let max = 0; max < 8; max += 1) expect(inTurn(workflows, max)).toEqual([1, 5, 9, 2, 8, 3, 4].slice(0, max));
  });

  test("are none where nothing is due", () => {
    expect(inTurn([], 5)).toEqual([]);
    expect(inTurn([[], []], 5)).toEqual([]);
  });
});

describe("a run is claimable", () => {
  test("when it is idle and due", () => {
    expect(isClaimable(idle(), "none", now)).toBe(true);
    expect(isClaimable(idle({ wakeAt: now + 1 }), "none", now)).toBe(false);
    expect(isClaimable(idle({ wakeAt: null }), "none", now)).toBe(false);
  });

  test("when its owner is lost, due or not", () => {
    expect(isClaimable(held({ wakeAt: null }), "dead", now)).toBe(true);
    expect(isClaimable(held({ wakeAt: now }), "alive", now)).toBe(false);
  });

  test("only while it lives and is not parked", () => {
    for (const status of ["completed", "failed", "cancelled"] as const) {
      expect(isClaimable(idle({ status }), "none", now)).toBe(false);
      expect(isClaimable(held({ status }), "dead", now)).toBe(false);
    }
    expect(isClaimable(idle({ parked }), "none", now)).toBe(false);
  });
});

describe("taking over", () => {
  test("D1: raises the epoch and forgets the claim before", () => {
    const taken = takeOver(held({ expiries: 2 }), "w2", now);
    expect(taken.kind).toBe("claimed");
    expect(taken.run).toMatchObject({
      owner: "w2",
      epoch: 2,
      lastAppend: null,
      claimTail: 2,
      wakeAt: null,
      expiries: 0,
    });
  });

  test("Q3: counts claims that were lost without progress, and only those", () => {
    const stuck = held({ claimTail: 2, expiries: 1 });
    expect(takeOver(stuck, "w2", now).run.expiries).toBe(2);
    expect(takeOver({ ...stuck, claimTail: 1 }, "w2", now).run.expiries).toBe(0);
    expect(takeOver({ ...stuck, owner: null }, "w2", now).run.expiries).toBe(0);
  });

  test("Q3: parks the run at the limit, under a new epoch", () => {
    let run = held({ claimTail: 2 });
    for (let round = 1; round < expiriesMax; round += 1) {
      const taken = takeOver(run, `w${round}`, now);
      expect([taken.kind, taken.run.expiries]).toEqual(["claimed", round]);
      run = taken.run;
    }
    const last = takeOver(run, "w9", now);
    expect(last.kind).toBe("stalled");
    expect(last.run).toMatchObject({ owner: null, epoch: run.epoch + 1, lastAppend: null, wakeAt: null });
    expect(last.run.parked).toMatchObject({ reason: "stalled", position: 2, since: now });
    expect(isClaimable(last.run, "none", now)).toBe(false);
  });
});

describe("a release", () => {
  test("gives the run back with the moment that it asks for", () => {
    const verdict = admitRelease(held(), { epoch: 1, ifTail: 2, wakeAt: 77 });
    expect(verdict).toMatchObject({ kind: "released", run: { owner: null, wakeAt: 77, epoch: 1 } });
  });

  test("is fenced when the driver is ahead of the store, which would be moved at each look", () => {
    expect(admitRelease(held(), { epoch: 1, ifTail: 3, wakeAt: null })).toEqual({ kind: "fenced" });
  });

  test("is refused as moved when the tail is another", () => {
    expect(admitRelease(held(), { epoch: 1, ifTail: 1, wakeAt: null })).toEqual({ kind: "moved" });
  });

  test.each([
    ["of an older epoch", held({ epoch: 2 })],
    ["of a parked run", held({ parked, owner: null })],
    ["that was made before, when others wrote since", held({ owner: null, tail: 3 })],
  ])("%s is fenced", (_, run) => {
    expect(admitRelease(run, { epoch: 1, ifTail: 2, wakeAt: null })).toEqual({ kind: "fenced" });
  });

  test("that was made before changes nothing", () => {
    expect(admitRelease(held({ owner: null, wakeAt: 5 }), { epoch: 1, ifTail: 2, wakeAt: 9 })).toEqual({
      kind: "released",
      run: null,
    });
  });
});

describe("parking", () => {
  const request = { reason: "limit", detail: "Too many events.", position: 2 } as const;

  test("takes the run from its driver, and unparking makes it due", () => {
    const run = admitPark(held({ expiries: 3 }), 1, request, now);
    expect(run).toMatchObject({ owner: null, wakeAt: null, epoch: 1, parked: { ...request, since: now } });
    const back = run === null ? null : admitUnpark(run, now + 1);
    expect(back).toMatchObject({ parked: null, wakeAt: now + 1, expiries: 0 });
    expect(back === null ? null : isClaimable(back, "none", now + 1)).toBe(true);
  });

  test("needs the current epoch and a live run", () => {
    expect(admitPark(held(), 2, request, now)).toBeNull();
    expect(admitPark(held({ status: "failed" }), 1, request, now)).toBeNull();
    expect(admitUnpark(held(), now)).toBeNull();
  });

  test("a second time keeps the row", () => {
    const run = held({ owner: null, parked });
    expect(admitPark(run, 1, request, now)).toBe(run);
  });
});

describe("a poll", () => {
  test("shows a run to which others wrote since the driver's last append", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    expect(isPolled(pure.run, "w1", pure.now)).toBe(false);
    pure.outside(received("hook_a", "p", "k"));
    expect(isPolled(pure.run, "w1", pure.now)).toBe(true);
    expect(isPolled(pure.run, "w2", pure.now)).toBe(false);
    pure.must({ decisions: [stepCreated("step_a")] });
    expect(isPolled(pure.run, "w1", pure.now)).toBe(false);
  });

  test("does not show what stood in the log when the run was claimed", () => {
    const pure = PureRun.started();
    pure.claim("w2");
    expect(isPolled(pure.run, "w2", pure.now)).toBe(false);
  });

  test("shows a run that was cancelled under its driver, for a while", () => {
    const pure = PureRun.started();
    pure.outside(cancelled());
    expect(isPolled(pure.run, "w1", pure.now + endedShownMs - 1)).toBe(true);
    expect(isPolled(pure.run, "w1", pure.now + endedShownMs)).toBe(false);
    expect(isPolled(pure.run, "w2", pure.now)).toBe(false);
  });

  test("does not show a run that its own driver ended", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [runCompleted()] });
    expect(isPolled(pure.run, "w1", pure.now)).toBe(false);
  });
});

test("the claim of an eager creation is gone when another epoch or nobody holds the run", () => {
  const eager = { worker: "w1", facts: [], decisions: [], release: null };
  expect(isEagerClaimGone(held(), eager)).toBe(false);
  expect(isEagerClaimGone(held({ epoch: 3 }), eager)).toBe(true);
  expect(isEagerClaimGone(held({ owner: null }), eager)).toBe(true);
  expect(isEagerClaimGone(idle(), null)).toBe(false);
});
