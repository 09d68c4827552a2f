import { describe, expect, test } from "vitest";
import { PureRun } from "../test/pure-run.ts";
import {
  cancelled,
  decision,
  fact,
  hookCreated,
  hookDisposed,
  received,
  runCompleted,
  runFailed,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  tokenHash,
  waitCompleted,
} from "./conformance/requests.ts";
import { refuseEvent, type StepStart } from "./event-rules.ts";
import { type NewDecision, type NewFact, specVersion } from "./events.ts";
import { RunView } from "./run-view.ts";

interface Writer {
  /** Default: the run's current claim. Null: somebody outside. */
  readonly epoch?: number | null;
  readonly at?: number;
  readonly storeNow?: number;
  readonly start?: StepStart;
  readonly job?: StepStart;
}

const judge = (pure: PureRun, event: NewFact | NewDecision, writer: Writer = {}) =>
  refuseEvent(pure.view, event, {
    at: writer.at ?? pure.now,
    storeNow: writer.storeNow ?? pure.now,
    epoch: writer.epoch === undefined ? pure.run.epoch : writer.epoch,
    start: writer.start ?? null,
    job: writer.job ?? null,
  });

const decide = (pure: PureRun, draft: ReturnType<typeof runCompleted>) => judge(pure, draft(pure.cause));

/** A started run with one of each: an open step, a due and a later wait, an open hook, a hook in conflict. */
function workingRun(): PureRun {
  const pure = PureRun.started();
  pure.foreignTokens.set(tokenHash("taken"), "wrun_2");
  pure.must({
    decisions: [
      stepCreated("step_a"),
      sleepUntil("wait_due", pure.now),
      sleepUntil("wait_later", pure.now + 1),
      hookCreated("hook_a", "t"),
      hookCreated("hook_conflict", "taken"),
    ],
  });
  return pure;
}

describe("the run's own events", () => {
  const created = fact("run_created", null, { specVersion } as never);

  test("run_created comes first, and once", () => {
    const context = { at: 1, storeNow: 1, epoch: null, start: null, job: null };
    expect(refuseEvent(RunView.empty(), created, context)).toBeNull();
    expect(judge(new PureRun(), created)).toBe("run_created is the first event");
  });

  test("run_started follows the creation, once", () => {
    const context = { at: 1, storeNow: 1, epoch: 1, start: null, job: null };
    expect(refuseEvent(RunView.empty(), runStarted(), context)).toBe("a run starts once");
    expect(judge(new PureRun(), runStarted())).toBeNull();
    expect(judge(PureRun.started(), runStarted())).toBe("a run starts once");
  });

  test("a run is cancelled once it was created", () => {
    const cancellation = cancelled().fact;
    expect(
      refuseEvent(RunView.empty(), cancellation, { at: 1, storeNow: 1, epoch: null, start: null, job: null }),
    ).toBe("the run was never created");
    expect(judge(new PureRun(), cancellation, { epoch: null })).toBeNull();
    expect(judge(PureRun.started(), cancellation, { epoch: null })).toBeNull();
  });

  test.each([
    ["run_completed", runCompleted()],
    ["run_failed", runFailed()],
  ])("%s ends a started run", (_, end) => {
    expect(decide(PureRun.started(), end)).toBeNull();
    expect(decide(new PureRun(), end)).toBe("only a started run ends");
  });

  test.each([
    ["run_completed", runCompleted()],
    ["run_failed", runFailed()],
  ])("L6: nothing follows %s", (_, end) => {
    const pure = workingRun();
    pure.must({ decisions: [end] });
    const later = [stepCompleted("step_a"), waitCompleted("wait_due"), stepCreated("step_b")(pure.cause), runStarted()];
    for (const event of later) expect(judge(pure, event)).toBe("nothing follows a terminal event");
    expect(judge(pure, cancelled().fact, { epoch: null })).toBe("nothing follows a terminal event");
  });
});

describe("who may write", () => {
  test("payloads and cancellations come from outside only", () => {
    const pure = workingRun();
    for (const event of [received("hook_a", "p", "k").fact, cancelled().fact]) {
      expect(judge(pure, event, { epoch: null })).toBeNull();
      expect(judge(pure, event)).toBe(`only an outside writer appends ${event.type}`);
    }
  });

  test("everything else comes from the driver only", () => {
    const pure = workingRun();
    const events = [
      stepCompleted("step_a"),
      stepFailed("step_a"),
      stepRetrying("step_a", 2, pure.now),
      waitCompleted("wait_due"),
      stepCreated("step_b")(pure.cause),
      sleepFor("wait_b", 1)(pure.cause),
      hookCreated("hook_b", "u")(pure.cause),
      hookDisposed("hook_a")(pure.cause),
      runCompleted()(pure.cause),
      runFailed()(pure.cause),
    ];
    for (const event of events) {
      expect(judge(pure, event, { epoch: null })).toBe(`only the driver appends ${event.type}`);
      expect(judge(pure, event)).toBeNull();
    }
  });

  test("an executor brings results, and nothing else", () => {
    const executor: Writer = { epoch: null, start: { attempt: 1, delivery: 1 } };
    for (const result of [stepCompleted("step_a"), stepFailed("step_a"), stepRetrying("step_a", 2, 0)]) {
      expect(judge(workingRun(), result, executor)).toBeNull();
    }
    const pure = workingRun();
    const others = [
      runStarted(),
      stepStarted("step_a", 2),
      waitCompleted("wait_due"),
      received("hook_a", "p", "k").fact,
      cancelled().fact,
      stepCreated("step_b")(pure.cause),
      runCompleted()(pure.cause),
      fact("run_created", null, { specVersion } as never),
    ];
    for (const event of others) expect(judge(pure, event, executor)).toBe(`no executor appends ${event.type}`);
  });

  test("an executor reports on the current start, whoever holds the claim", () => {
    const pure = workingRun();
    pure.claim("w2");
    const of = (attempt: number, delivery: number): Writer => ({ epoch: null, start: { attempt, delivery } });
    expect(judge(pure, stepCompleted("step_a"), of(1, 1))).toBeNull();
    expect(judge(pure, stepCompleted("step_a", "r", 1, 2), of(1, 2))).toBe(
      "the result is of another attempt or delivery",
    );
    expect(judge(pure, stepRetrying("step_a", 3, 0), of(2, 1))).toBe("the result is of another attempt or delivery");
    pure.must({ facts: [stepStarted("step_a", 2)] });
    expect(judge(pure, stepCompleted("step_a"), of(1, 1))).toBe("the result is of another attempt or delivery");
    expect(judge(pure, stepRetrying("step_a", 2, 0), of(1, 1))).toBe("the result is of another attempt or delivery");
    expect(judge(pure, stepCompleted("step_a", "r", 1, 2), of(1, 2))).toBeNull();
    expect(judge(pure, stepCompleted("step_a", "r", 1, 1), of(1, 2))).toBe(
      "the result is of another attempt or delivery",
    );
    expect(judge(pure, stepRetrying("step_a", 3, 0), of(1, 2))).toBe("attempts count up by one");
    pure.must({ facts: [stepCompleted("step_a", "r", 1, 2)] });
    expect(judge(pure, stepFailed("step_a", 1, 2), of(1, 2))).toBe("the step has its result");
  });

  test("a conflict is nobody's to write", () => {
    const conflict = fact("hook_conflict", "hook_b", { tokenHash: "", conflictingRunId: "" });
    for (const epoch of [null, 1]) {
      expect(judge(workingRun(), conflict, { epoch })).toBe("only the store writes hook_conflict");
    }
  });
});

describe("correlation ids", () => {
  test("begin with the kind of what they name", () => {
    const pure = PureRun.started();
    expect(decide(pure, stepCreated("step_b"))).toBeNull();
    expect(decide(pure, stepCreated("wait_b"))).toBe("step_created carries a correlation id that starts with step_");
    expect(decide(pure, sleepFor("hook_b", 1))).toBe("wait_created carries a correlation id that starts with wait_");
    expect(decide(pure, hookCreated("step_b", "u"))).toBe(
      "hook_created carries a correlation id that starts with hook_",
    );
    expect(judge(pure, fact("wait_completed", null, {}))).toBe(
      "wait_completed carries a correlation id that starts with wait_",
    );
  });

  test("are not for the run's own events", () => {
    const pure = PureRun.started();
    expect(decide(pure, decision("run_completed", "step_a", {}))).toBe("run_completed carries no correlation id");
  });

  test("name one thing", () => {
    const pure = workingRun();
    for (const draft of [stepCreated("step_a"), sleepFor("wait_due", 1), hookCreated("hook_a", "u")]) {
      expect(decide(pure, draft)).toMatch(/exists already$/);
    }
  });
});

describe("R6: causes", () => {
  const caused = (position: number, at: number) => stepCreated("step_b")({ position, at });

  test("a decision names a fact that stands before it and copies its clock", () => {
    const pure = PureRun.started();
    const { position, at } = pure.cause;
    expect(judge(pure, caused(position, at))).toBeNull();
    for (const wrong of [0, -1, 1.5, Number.NaN, position + 1]) {
      expect(judge(pure, caused(wrong, at))).toBe("a decision names the fact that caused it");
    }
    for (const wrong of [at + 1, at - 1, Number.NaN]) {
      expect(judge(pure, caused(position, wrong))).toBe("a decision copies the clock of the fact that caused it");
    }
  });

  test("an older cause has an older clock", () => {
    const pure = workingRun();
    const { position, at } = pure.cause;
    pure.now += 50;
    pure.must({ facts: [stepCompleted("step_a")] });
    expect(judge(pure, caused(position, at))).toBeNull();
    expect(judge(pure, caused(position, pure.now + 1))).toBe("a decision copies the clock of the fact that caused it");
  });
});

describe("creations", () => {
  test("need a started run", () => {
    const pure = new PureRun();
    for (const draft of [stepCreated("step_b"), sleepFor("wait_b", 1), hookCreated("hook_b", "u")]) {
      expect(decide(pure, draft)).toBe("the run has not started");
      expect(decide(PureRun.started(), draft)).toBeNull();
    }
  });

  test("of waits give a duration or a moment that can come", () => {
    const wait = (durationMs: number | null, resumeAt: number | null) =>
      decide(PureRun.started(), decision("wait_created", "wait_b", { ordinal: 1, durationMs, resumeAt }));
    for (const fit of [wait(0, null), wait(2.5, null), wait(null, -5), wait(null, 0), wait(1e15, 7)]) {
      expect(fit).toBeNull();
    }
    expect(wait(null, null)).toBe("a wait has a duration or a moment");
    for (const unfit of [wait(-1, null), wait(Number.NaN, null), wait(Number.POSITIVE_INFINITY, 7)]) {
      expect(unfit).toBe("a duration is 0 ms or more");
    }
    expect(wait(null, Number.NaN)).toBe("a moment is a number of milliseconds");
  });
});

describe("steps", () => {
  test("S1: results name an open step of the run", () => {
    const pure = workingRun();
    for (const result of [stepCompleted, stepFailed]) {
      expect(judge(pure, result("step_a"))).toBeNull();
      expect(judge(pure, result("step_b"))).toMatch(/names no step of this run$/);
    }
    pure.must({ facts: [stepCompleted("step_a")] });
    const late = [
      stepCompleted("step_a"),
      stepFailed("step_a"),
      stepRetrying("step_a", 2, 0),
      stepStarted("step_a", 2),
    ];
    for (const event of late) expect(judge(pure, event)).toBe("the step has its result");
  });

  test("S4: results are of the current attempt and delivery", () => {
    const pure = workingRun();
    pure.must({ facts: [stepRetrying("step_a", 2, pure.now)] });
    expect(judge(pure, stepCompleted("step_a", "r", 2))).toBeNull();
    expect(judge(pure, stepCompleted("step_a", "r", 1))).toBe("the result is of another attempt or delivery");
    expect(judge(pure, stepFailed("step_a", 3))).toBe("the result is of another attempt or delivery");
    expect(judge(pure, stepFailed("step_a", 2, 2))).toBe("the result is of another attempt or delivery");
  });

  test("S5: attempts count up by one", () => {
    const pure = workingRun();
    expect(judge(pure, stepRetrying("step_a", 2, 0))).toBeNull();
    for (const attempt of [0, 1, 3]) {
      expect(judge(pure, stepRetrying("step_a", attempt, 0))).toBe("attempts count up by one");
    }
  });

  test("S3: another claim starts the attempt again before it reports", () => {
    const pure = workingRun();
    pure.claim("w2");
    for (const event of [stepCompleted("step_a"), stepFailed("step_a"), stepRetrying("step_a", 2, 0)]) {
      expect(judge(pure, event)).toBe("another claim owns this attempt");
    }
    expect(judge(pure, stepStarted("step_a", 2))).toBeNull();
    for (const wrong of [stepStarted("step_a", 1), stepStarted("step_a", 3), stepStarted("step_a", 2, 2)]) {
      expect(judge(pure, wrong)).toBe("deliveries count up by one");
    }
    pure.must({ facts: [stepStarted("step_a", 2)] });
    expect(judge(pure, stepCompleted("step_a", "r", 1, 2))).toBeNull();
    expect(judge(pure, stepStarted("step_a", 3))).toBe("this claim owns the attempt already");
  });

  test("T1: another claim does not start a retry before its moment", () => {
    const pure = workingRun();
    pure.must({ facts: [stepRetrying("step_a", 2, pure.now + 10)] });
    pure.claim("w2");
    pure.now += 9;
    expect(judge(pure, stepStarted("step_a", 2, 2))).toBe("early");
    pure.now += 1;
    expect(judge(pure, stepStarted("step_a", 2, 2))).toBeNull();
  });
});

describe("waits and hooks", () => {
  test("T1: a wait completes by the store's clock and by the log's", () => {
    const pure = workingRun();
    expect(judge(pure, waitCompleted("wait_due"))).toBeNull();
    expect(judge(pure, waitCompleted("wait_later"))).toBe("early");
    const later = pure.now + 1;
    expect(judge(pure, waitCompleted("wait_later"), { at: later })).toBe("early");
    expect(judge(pure, waitCompleted("wait_later"), { storeNow: later })).toBe("early");
    expect(judge(pure, waitCompleted("wait_later"), { at: later, storeNow: later })).toBeNull();
  });

  test("a wait of the run completes, once", () => {
    const pure = workingRun();
    expect(judge(pure, waitCompleted("wait_unknown"))).toBe("only an open wait completes");
    pure.must({ facts: [waitCompleted("wait_due")] });
    expect(judge(pure, waitCompleted("wait_due"))).toBe("only an open wait completes");
  });

  test("H4, H5: only an open hook takes payloads", () => {
    const pure = workingRun();
    const payload = (id: string) => judge(pure, received(id, "p", "k").fact, { epoch: null });
    expect(payload("hook_a")).toBeNull();
    expect(payload("hook_unknown")).toBe("only an open hook receives payloads");
    expect(payload("hook_conflict")).toBe("only an open hook receives payloads");
    pure.must({ decisions: [hookDisposed("hook_a")] });
    expect(payload("hook_a")).toBe("only an open hook receives payloads");
  });

  test("a hook is disposed of once, also one in conflict", () => {
    const pure = workingRun();
    for (const id of ["hook_a", "hook_conflict"]) {
      expect(decide(pure, hookDisposed(id))).toBeNull();
      pure.must({ decisions: [hookDisposed(id)] });
      expect(decide(pure, hookDisposed(id))).toBe("only a hook that was created and not disposed of");
    }
    expect(decide(pure, hookDisposed("hook_unknown"))).toBe("only a hook that was created and not disposed of");
  });
});
