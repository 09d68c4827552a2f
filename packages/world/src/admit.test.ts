import { describe, expect, test } from "vitest";
import { PureRun, snapshot } from "../test/pure-run.ts";
import { admitCreate, clockBoundMs, isReadableSpec } from "./admit.ts";
import {
  at,
  bytes,
  cancelled,
  createRequest,
  type DecisionDraft,
  hookCreated,
  hookDisposed,
  received,
  reported,
  runCompleted,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  tokenHash,
  waitCompleted,
  workflowId,
} from "./conformance/requests.ts";
import type { NewFact } from "./events.ts";
import type { CreateRequest } from "./world.ts";

const typesOf = (verdict: { readonly kind: string }) =>
  "events" in verdict ? (verdict.events as { readonly type: string }[]).map(({ type }) => type) : verdict.kind;

const eager = (
  facts: readonly NewFact[],
  decisions: readonly DecisionDraft[],
  release: { readonly wakeAt: number | null } | null = null,
): NonNullable<CreateRequest["eager"]> => ({
  worker: "w1",
  facts,
  decisions: decisions.map((draft) => draft({ position: 2, at: facts.at(-1)?.at ?? 0 })),
  release,
});

const context = (storeNow: number) => ({ storeNow, tokenOwner: () => null });

describe("a creation", () => {
  test("by a client is one event at the store's clock", () => {
    const verdict = admitCreate(createRequest("wrun_1", { key: "k", input: bytes("in") }), "space", context(50));
    if (verdict.kind !== "admitted") return expect.unreachable();
    expect(verdict.events).toHaveLength(1);
    expect(verdict.events[0]).toMatchObject({ type: "run_created", position: 1, at: 50, epoch: null, cause: null });
    expect(verdict.events[0]?.data).toMatchObject({ namespace: "space", key: "k" });
    expect(verdict.events[0]).toMatchObject({ key: null, committedAt: 50 });
    expect(verdict.run).toEqual({
      runId: "wrun_1",
      namespace: "space",
      key: "k",
      workflowId,
      workflowName: "process",
      bundleId: "bndl_1",
      isolation: "shared",
      parentRunId: null,
      rootRunId: "wrun_1",
      status: "pending",
      tail: 1,
      lastAt: 50,
      epoch: 0,
      owner: null,
      endedOwner: null,
      lastAppend: null,
      parked: null,
      wakeAt: 50,
      expiries: 0,
      claimTail: 0,
      createdAt: 50,
      startedAt: null,
      endedAt: null,
    });
    expect(verdict.released).toBe(false);
  });

  test("by a worker is claimed under epoch 1, with the driver's clock, as append 1", () => {
    const turn = eager([at(45, runStarted())], [stepCreated("step_a")]);
    const verdict = admitCreate(createRequest("wrun_1", { eager: turn }), "space", context(50));
    if (verdict.kind !== "admitted") return expect.unreachable();
    expect(verdict.events.map((event) => [event.type, event.at, event.epoch, event.cause])).toEqual([
      ["run_created", 45, 1, null],
      ["run_started", 45, 1, null],
      ["step_created", 45, 1, 2],
    ]);
    expect(verdict.run).toMatchObject({ status: "running", epoch: 1, owner: "w1", wakeAt: null, startedAt: 50 });
    expect(verdict.run.lastAppend).toEqual({ n: 1, first: 1, last: 3 });
  });

  test("gives its claim back with the earliest of its timers", () => {
    const turn = eager([at(50, runStarted())], [sleepFor("wait_a", 9)], { wakeAt: 70 });
    const verdict = admitCreate(createRequest("wrun_1", { eager: turn }), "space", context(50));
    expect(verdict).toMatchObject({ released: true, run: { owner: null, wakeAt: 59 } });
  });

  test("that breaks a rule is refused, and the index counts the request's own events", () => {
    const turn = eager([at(50, runStarted())], [stepCreated("step_a"), stepCreated("step_a")]);
    const verdict = admitCreate(createRequest("wrun_1", { eager: turn }), "space", context(50));
    expect(verdict).toMatchObject({ kind: "refused", reason: { kind: "entity", index: 2 } });
  });

  test("with a clock out of bounds is refused", () => {
    const turn = eager([at(50, runStarted())], []);
    const late = admitCreate(createRequest("wrun_1", { eager: turn }), "space", context(51 + clockBoundMs));
    expect(late).toEqual({ kind: "refused", reason: { kind: "clock", storeNow: 51 + clockBoundMs } });
  });
});

describe("who is answered how", () => {
  test("D1: a stale epoch is fenced before anything else is looked at", () => {
    const pure = PureRun.started();
    const request = pure.request({ decisions: [stepCreated("step_a")] });
    pure.send(request);
    pure.claim("w2");
    expect(pure.send(request)).toEqual({ kind: "fenced" });
    pure.outside(cancelled());
    expect(pure.send(request)).toEqual({ kind: "fenced" });
  });

  test("L5: repetition is answered before the end of the run, the tail and the rules are looked at", () => {
    const pure = PureRun.started();
    const request = pure.request({ decisions: [stepCreated("step_a")], ifTail: 2 });
    expect(typesOf(pure.send(request))).toEqual(["step_created"]);
    expect(pure.send(request)).toEqual({ kind: "duplicate", first: 3, last: 3, released: false });
    pure.outside(cancelled());
    expect(pure.send(request)).toEqual({ kind: "duplicate", first: 3, last: 3, released: true });
  });

  test("L5: a number below the last one is fenced", () => {
    const pure = PureRun.started();
    const old = pure.request({ decisions: [stepCreated("step_a")] });
    pure.send(old);
    pure.must({ decisions: [stepCreated("step_b")] });
    expect(pure.send(old)).toEqual({ kind: "fenced" });
  });

  test("L6: an ended run is answered as such before its missing owner is noticed", () => {
    const pure = PureRun.started();
    pure.outside(cancelled());
    expect(pure.append({ decisions: [runCompleted()] })).toEqual({ kind: "refused", reason: { kind: "terminal" } });
    expect(pure.outside(cancelled("again"))).toEqual({ kind: "refused", reason: { kind: "terminal" } });
  });

  test("D1: without an owner, or parked, there is no driver to write", () => {
    const released = PureRun.started();
    released.must({ release: { wakeAt: null } });
    expect(released.append({ decisions: [stepCreated("step_a")] })).toEqual({ kind: "fenced" });
    const parked = PureRun.started();
    parked.run = { ...parked.run, parked: { reason: "limit", detail: "", position: null, since: 1 } };
    expect(parked.append({ decisions: [stepCreated("step_a")] })).toEqual({ kind: "fenced" });
  });

  test.each([
    ["a tail to compare that is beyond the log's", { ifTail: 3 }],
    ["events that the log does not hold", { after: 3 }],
    ["a claim that the run has not had", { epoch: 2 }],
  ])("D1: a driver with %s is ahead of the store", (_case, ahead) => {
    const pure = PureRun.started();
    const request = { ...pure.request({ decisions: [stepCreated("step_a")] }), ...ahead };
    expect(pure.send(request)).toEqual({ kind: "refused", reason: { kind: "ahead", tail: 2 } });
  });

  test("D3: another tail is moved; no tail is none to compare", () => {
    const pure = PureRun.started();
    expect(pure.append({ decisions: [stepCreated("step_a")], ifTail: 1 })).toEqual({ kind: "moved" });
    expect(typesOf(pure.append({ decisions: [stepCreated("step_a")], ifTail: 2 }))).toEqual(["step_created"]);
    expect(typesOf(pure.append({ decisions: [stepCreated("step_b")], ifTail: null }))).toEqual(["step_created"]);
  });

  test("L5: an outside event is found by its key, also after the end", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    expect(typesOf(pure.outside(received("hook_a", "p", "k")))).toEqual(["hook_received"]);
    const duplicate = { kind: "duplicate", first: 4, last: 4, released: false };
    expect(pure.outside(received("hook_a", "p", "k"))).toEqual(duplicate);
    pure.must({ decisions: [runCompleted()] });
    expect(pure.outside(received("hook_a", "p", "k"))).toEqual(duplicate);
  });
});

describe("what is refused leaves no trace", () => {
  const refusals: readonly [string, (pure: PureRun) => unknown][] = [
    [
      "an entity rule, after events that fit",
      (pure) => pure.append({ decisions: [stepCreated("step_b"), stepCreated("step_b")] }),
    ],
    [
      "a clock",
      (pure) => pure.append({ facts: [at(pure.now + clockBoundMs + 1, stepCompleted("step_a"))], ifTail: 4 }),
    ],
    ["an early wait", (pure) => pure.append({ facts: [stepCompleted("step_a"), waitCompleted("wait_a")] })],
    ["a moved tail", (pure) => pure.append({ decisions: [stepCreated("step_b")], ifTail: 1 })],
    ["an unknown hook", (pure) => pure.outside(received("hook_z", "p", "k"))],
  ];

  test.each(refusals)("by %s", (_, act) => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a"), sleepFor("wait_a", 5)] });
    const before = [snapshot(pure.view), pure.run, pure.log.length];
    expect(act(pure)).toHaveProperty("kind", expect.stringMatching(/refused|moved/));
    expect([snapshot(pure.view), pure.run, pure.log.length]).toEqual(before);
  });

  test("and says at which event", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a"), sleepFor("wait_a", 5)] });
    const facts = [stepCompleted("step_a"), waitCompleted("wait_a")];
    expect(pure.append({ facts })).toEqual({
      kind: "refused",
      reason: { kind: "early", index: 1, storeNow: pure.now },
    });
    const decisions = [stepCreated("step_b"), stepCreated("step_a")];
    expect(pure.append({ facts: facts.slice(0, 1), decisions })).toMatchObject({
      reason: { kind: "entity", index: 2 },
    });
  });
});

describe("R6: clocks", () => {
  const driven = (moment: number, ifTail: number | null) => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a")] });
    pure.now += 60_000;
    const verdict = pure.append({ facts: [at(pure.now + moment, stepCompleted("step_a"))], ifTail });
    return "events" in verdict ? (verdict.events[0]?.at ?? 0) - pure.now : verdict.kind;
  };

  test.each([
    [0, 0],
    [clockBoundMs, clockBoundMs],
    [-clockBoundMs, -clockBoundMs],
    [clockBoundMs + 1, "refused"],
    [-clockBoundMs - 1, "refused"],
    [0.5, "refused"],
    [Number.NaN, "refused"],
  ])("a driver that compares the tail chooses: %d ms from the store's is %s", (moment, expected) => {
    expect(driven(moment, 3)).toBe(expected);
  });

  test("for one that does not, the store chooses", () => {
    expect(driven(-50_000, null)).toBe(0);
  });

  test("a clock never goes back, and a store whose clock did stands still", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a"), hookCreated("hook_a", "t")] });
    const latest = pure.view.lastAt;
    expect(pure.append({ facts: [at(latest - 1, stepCompleted("step_a"))], ifTail: 4 })).toMatchObject({
      reason: { kind: "clock" },
    });
    pure.now -= 1_000_000;
    const outside = pure.outside(received("hook_a", "p", "k"));
    expect(outside).toMatchObject({ events: [{ at: latest, committedAt: pure.now }] });
    const inside = pure.append({ facts: [at(latest, stepCompleted("step_a"))], ifTail: 5 });
    expect(inside).toMatchObject({ events: [{ at: latest }] });
  });

  test("what comes from outside has the store's, whatever it says", () => {
    const pure = PureRun.started();
    const request = cancelled();
    const verdict = pure.outside({ ...request, fact: { ...request.fact, at: 5 } });
    expect(verdict).toMatchObject({ events: [{ at: pure.now, key: "cancel", epoch: null }] });
  });
});

describe("what came of a step, by an executor", () => {
  const working = () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a"), stepCreated("step_b")] });
    return pure;
  };

  test("is one fact at the store's clock, with the sender's key and no epoch", () => {
    const pure = working();
    pure.now += 5;
    const result = stepCompleted("step_a");
    const verdict = pure.executor(reported({ ...result, at: 1 } as NewFact, { key: "k" }));
    expect(verdict).toMatchObject({ kind: "admitted", released: false });
    expect(pure.log.at(-1)).toMatchObject({ ...result, at: pure.now, epoch: null, key: "k", cause: null, position: 5 });
    expect(pure.run).toMatchObject({ owner: "w1", wakeAt: null, lastAppend: { last: 4 }, tail: 5 });
  });

  test("makes a run due that nobody drives, also one whose timer is later", () => {
    const pure = working();
    pure.must({ release: { wakeAt: pure.now + 500 } });
    pure.executor(reported(stepFailed("step_a")));
    expect(pure.run).toMatchObject({ owner: null, wakeAt: pure.now });
  });

  test("L5: repetition is answered before the end of the run is looked at", () => {
    const pure = working();
    pure.executor(reported(stepCompleted("step_a"), { key: "k" }));
    pure.outside(cancelled());
    const again = pure.executor(reported(stepCompleted("step_a"), { key: "k" }));
    expect(again).toEqual({ kind: "duplicate", first: 5, last: 5, released: false });
    const late = pure.executor(reported(stepCompleted("step_b"), { key: "l" }));
    expect(late).toEqual({ kind: "refused", reason: { kind: "terminal" } });
  });

  test("a retry stays with the epoch that a driver gave the step", () => {
    const pure = working();
    pure.executor(reported(stepRetrying("step_a", 2, pure.now + 9)));
    expect(pure.view.entityOf("step", "step_a")).toMatchObject({
      state: "retrying",
      attempt: 2,
      delivery: 1,
      epoch: 1,
      retryAt: pure.now + 9,
    });
  });
});

describe("what the store fills in", () => {
  test("T2: the moment of a duration, rounded up", () => {
    const pure = PureRun.started();
    const events = pure.must({ decisions: [sleepFor("wait_a", 2.1), sleepUntil("wait_b", 5), sleepFor("wait_c", 0)] });
    const moments = events.map((event) => (event.type === "wait_created" ? event.data.resumeAt : null));
    expect(moments).toEqual([pure.now + 3, 5, pure.now]);
  });

  test("H2: the number of a payload", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    for (const ordinal of [1, 2, 3]) {
      expect(pure.outside(received("hook_a", "p", `k${ordinal}`))).toMatchObject({ events: [{ data: { ordinal } }] });
    }
  });

  test("H3: a conflict in the place of a hook whose token is taken, and the rest of the batch stands", () => {
    const pure = PureRun.started();
    pure.foreignTokens.set(tokenHash("t"), "wrun_2");
    pure.now += 5;
    const events = pure.must({ decisions: [hookCreated("hook_a", "t"), stepCreated("step_a")] });
    expect(events).toMatchObject([
      {
        type: "hook_conflict",
        position: 3,
        at: pure.now,
        cause: 2,
        payload: null,
        data: { conflictingRunId: "wrun_2" },
      },
      { type: "step_created", position: 4, at: pure.now - 5, cause: 2 },
    ]);
    expect(pure.view.lastFact).toBe(3);
  });

  test.each<[string, DecisionDraft[], string[]]>([
    ["taken twice", [hookCreated("hook_b", "u"), hookCreated("hook_c", "u")], ["hook_created", "hook_conflict"]],
    ["already its own", [hookCreated("hook_b", "t")], ["hook_conflict"]],
    ["freed and taken again", [hookDisposed("hook_a"), hookCreated("hook_b", "t")], ["hook_disposed", "hook_created"]],
    [
      "taken, freed and taken again",
      [hookCreated("hook_b", "u"), hookDisposed("hook_b"), hookCreated("hook_c", "u")],
      ["hook_created", "hook_disposed", "hook_created"],
    ],
    [
      "freed, and taken twice",
      [hookDisposed("hook_a"), hookCreated("hook_b", "t"), hookCreated("hook_c", "t")],
      ["hook_disposed", "hook_created", "hook_conflict"],
    ],
    [
      "another run's, by a hook that is disposed of",
      [hookCreated("hook_b", "x"), hookDisposed("hook_b"), hookCreated("hook_c", "x")],
      ["hook_conflict", "hook_disposed", "hook_conflict"],
    ],
  ])("H3, H4: in one append, a token that is %s", (_, decisions, expected) => {
    const pure = PureRun.started();
    pure.foreignTokens.set(tokenHash("x"), "wrun_2");
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    expect(typesOf(pure.append({ decisions }))).toEqual(expected);
  });
});

describe("the row", () => {
  test("follows the log, and names the driver's last append", () => {
    const pure = PureRun.started();
    pure.now += 5;
    pure.must({ decisions: [stepCreated("step_a"), stepCreated("step_b")] });
    expect(pure.run).toMatchObject({ tail: 4, lastAt: pure.now - 5, status: "running", startedAt: pure.now - 5 });
    expect(pure.run.lastAppend).toEqual({ n: 2, first: 3, last: 4 });
    pure.must({ decisions: [runCompleted()] });
    expect(pure.run).toMatchObject({
      status: "completed",
      endedAt: pure.now,
      owner: null,
      wakeAt: null,
      endedOwner: null,
    });
  });

  test("X2: of a run that was cancelled says whom to tell", () => {
    const pure = PureRun.started();
    pure.run = { ...pure.run, parked: { reason: "limit", detail: "", position: null, since: 1 } };
    pure.outside(cancelled());
    expect(pure.run).toMatchObject({ status: "cancelled", owner: null, parked: null, wakeAt: null, endedOwner: "w1" });
    const pending = new PureRun();
    pending.outside(cancelled());
    expect(pending.run).toMatchObject({ status: "cancelled", endedOwner: null, startedAt: null });
  });

  test("Q1: of an idle run is due at once when an outside event comes; a claimed one's is its driver's", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    pure.now += 5;
    pure.outside(received("hook_a", "p", "k1"));
    expect(pure.run).toMatchObject({ owner: "w1", wakeAt: null });
    pure.must({ release: { wakeAt: null } });
    pure.now += 5;
    pure.outside(received("hook_a", "p", "k2"));
    expect(pure.run).toMatchObject({ owner: null, wakeAt: pure.now });
  });

  test.each([
    [null, 100],
    [50, 50],
    [200, 100],
  ])("D5: an append that releases at %s, with a new wait at 100, is due at %d", (wakeAt, expected) => {
    const pure = PureRun.started();
    const verdict = pure.append({ decisions: [sleepUntil("wait_a", 100)], release: { wakeAt } });
    expect(verdict).toMatchObject({ released: true, run: { owner: null, wakeAt: expected } });
  });

  test("D5: an append that has not seen everything keeps its claim", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "t")] });
    pure.outside(received("hook_a", "p", "k"));
    const verdict = pure.append({ decisions: [stepCreated("step_a")], after: 3, release: { wakeAt: null } });
    expect(verdict).toMatchObject({ released: false, run: { owner: "w1" } });
  });

  test("D5: an append may release and write nothing", () => {
    const pure = PureRun.started();
    expect(pure.append({ release: { wakeAt: 9 } })).toMatchObject({ events: [], released: true, run: { wakeAt: 9 } });
    expect(pure.run.lastAppend).toEqual({ n: 2, first: 3, last: 2 });
  });
});

test("this version reads its own format, and none that is newer", () => {
  expect([0, 1, 2].map(isReadableSpec)).toEqual([false, true, false]);
});
