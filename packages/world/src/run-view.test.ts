import { InvariantError, UnknownEventError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { PureRun, snapshot } from "../test/pure-run.ts";
import {
  cancelled,
  hookCreated,
  hookDisposed,
  received,
  runCompleted,
  runFailed,
  sleepFor,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  tokenHash,
  waitCompleted,
} from "./conformance/requests.ts";
import type { LogEvent } from "./events.ts";
import { fold, RunView } from "./run-view.ts";

const step = (pure: PureRun, id = "step_a") => pure.view.entityOf("step", id);

describe("the fold of a log", () => {
  test("of nothing is an empty view", () => {
    expect(snapshot(fold([]))).toEqual({ tail: 0, lastAt: 0, lastFact: 0, status: "pending", entities: [] });
  });

  test("follows the run through its life", () => {
    const pure = new PureRun();
    expect(pure.view.status).toBe("pending");
    expect(PureRun.started().view.status).toBe("running");
    const ends = [
      ["completed", runCompleted()],
      ["failed", runFailed()],
    ] as const;
    for (const [status, end] of ends) {
      const run = PureRun.started();
      run.must({ decisions: [end] });
      expect(run.view.status).toBe(status);
    }
    pure.outside(cancelled());
    expect(pure.view.status).toBe("cancelled");
  });

  test("of one entity alone is enough to admit an outside fact about it", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [hookCreated("hook_a", "a"), stepCreated("step_a")] });
    pure.outside(received("hook_a", "payload", "key"));
    const row = { runId: "wrun_a", tail: pure.view.tail, lastAt: pure.view.lastAt, status: pure.view.status };
    const own = pure.log.filter((event) => event.correlationId === "hook_a");
    const partial = RunView.ofEntity(row, own);
    expect(partial.entityOf("hook", "hook_a")).toEqual(pure.view.entityOf("hook", "hook_a"));
    expect(partial.entity("step_a")).toBe(undefined);
    expect([partial.tail, partial.lastAt, partial.status]).toEqual([row.tail, row.lastAt, row.status]);
    const foreign = { ...own[0], type: "patch" } as unknown as LogEvent;
    expect(() => RunView.ofEntity(row, [foreign])).toThrow(UnknownEventError);
  });

  test("keeps the clock and the position of the newest fact; decisions move neither", () => {
    const pure = PureRun.started();
    pure.now += 10;
    pure.must({ decisions: [stepCreated("step_a")] });
    expect([pure.view.tail, pure.view.lastFact, pure.view.lastAt]).toEqual([3, 2, pure.now - 10]);
    pure.must({ facts: [stepCompleted("step_a")] });
    expect([pure.view.tail, pure.view.lastFact, pure.view.lastAt]).toEqual([4, 4, pure.now]);
  });

  test("follows a step through attempts and deliveries", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a")] });
    const created = { kind: "step", state: "open", attempt: 1, delivery: 1, epoch: 1, retryAt: null, position: 3 };
    expect(step(pure)).toMatchObject(created);
    pure.claim("w2");
    pure.must({ facts: [stepStarted("step_a", 2)] });
    expect(step(pure)).toMatchObject({ ...created, delivery: 2, epoch: 2 });
    pure.must({ facts: [stepRetrying("step_a", 2, pure.now + 5)] });
    expect(step(pure)).toMatchObject({ state: "retrying", attempt: 2, delivery: 1, epoch: 2, retryAt: pure.now + 5 });
    pure.now += 5;
    pure.claim("w3");
    pure.must({ facts: [stepStarted("step_a", 2, 2)] });
    // It has started: a store whose clock is set back has nobody wait for it again.
    expect(step(pure)).toMatchObject({ state: "retrying", attempt: 2, delivery: 2, epoch: 3, retryAt: null });
    pure.must({ facts: [stepFailed("step_a", 2, 2)] });
    expect(step(pure)).toMatchObject({ state: "done", attempt: 2, retryAt: null, position: 3 });
  });

  test("follows waits and hooks", () => {
    const pure = PureRun.started();
    pure.foreignTokens.set(tokenHash("taken"), "wrun_2");
    pure.must({ decisions: [sleepFor("wait_a", 0), hookCreated("hook_a", "t"), hookCreated("hook_b", "taken")] });
    expect(pure.view.entityOf("wait", "wait_a")).toEqual({
      kind: "wait",
      state: "open",
      resumeAt: pure.now,
      position: 3,
    });
    expect(pure.view.entityOf("hook", "hook_b")).toMatchObject({ state: "conflict", tokenHash: tokenHash("taken") });
    pure.outside(received("hook_a", "1", "k1"));
    pure.outside(received("hook_a", "2", "k2"));
    expect(pure.view.entityOf("hook", "hook_a")).toMatchObject({ state: "open", received: 2, position: 4 });
    pure.must({ facts: [waitCompleted("wait_a")], decisions: [hookDisposed("hook_a")] });
    expect(pure.view.entityOf("wait", "wait_a")?.state).toBe("done");
    expect(pure.view.entityOf("hook", "hook_a")).toMatchObject({ state: "disposed", received: 2 });
  });

  test("answers for an entity only under its own kind", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a")] });
    expect(pure.view.entityOf("wait", "step_a")).toBeUndefined();
    expect(pure.view.entityOf("step", null)).toBeUndefined();
    expect(pure.view.entityOf("step", "step_b")).toBeUndefined();
  });

  test("goes on from where it is", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a"), sleepFor("wait_a", 1)] });
    pure.must({ facts: [stepCompleted("step_a")] });
    const inTwoParts = fold(pure.log.slice(3), fold(pure.log.slice(0, 3)));
    expect(snapshot(inTwoParts)).toEqual(snapshot(fold(pure.log)));
    expect(snapshot(inTwoParts)).toEqual(snapshot(pure.view));
  });
});

describe("a log that cannot be", () => {
  const pure = PureRun.started();
  pure.must({ decisions: [stepCreated("step_a")] });
  const [first, second, third] = pure.log as [LogEvent, LogEvent, LogEvent];

  test.each([
    ["a hole", [first, third]],
    ["a repeated event", [first, first]],
    ["a missing beginning", [second]],
  ])("with %s is a defect", (_, log) => {
    expect(() => fold(log)).toThrow(InvariantError);
  });

  test.each([
    ["a result of no step", stepCompleted("step_z")],
    ["a completion of no wait", waitCompleted("wait_z")],
    ["a payload of no hook", received("hook_z", "p", "k").fact],
  ])("with %s is a defect", (_, event) => {
    const stray = { ...second, ...event, at: 1, position: 4 } as LogEvent;
    expect(() => fold([...pure.log, stray])).toThrow(InvariantError);
  });

  test("with a step that no driver wrote is a defect", () => {
    expect(() => fold([first, second, { ...third, epoch: null }])).toThrow(InvariantError);
  });

  test("with an event of a later version names the event, and leaves the view where it was", () => {
    const unknown = { ...second, type: "attr_set", position: 4 } as unknown as LogEvent;
    const view = fold(pure.log);
    const before = snapshot(view);
    const error = thrownBy(() => view.apply(unknown, "wrun_1"));
    expect(UnknownEventError.is(error) && error.where).toEqual({ runId: "wrun_1", position: 4 });
    expect(snapshot(view)).toEqual(before);
  });
});

describe("forks", () => {
  test("see their parent, and keep their changes to themselves", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a")] });
    const before = snapshot(pure.view);
    const fork = pure.view.fork();
    const completion = { ...pure.log[1], ...stepCompleted("step_a"), position: 4, at: pure.now } as LogEvent;
    fork.apply(completion);
    expect(fork.entityOf("step", "step_a")?.state).toBe("done");
    expect([fork.tail, fork.status]).toEqual([4, "running"]);
    expect(snapshot(pure.view)).toEqual(before);
    pure.view.absorb(fork);
    expect(snapshot(pure.view)).toEqual(snapshot(fold([...pure.log, completion])));
  });

  test("are absorbed by their own parent only, and are not listed", () => {
    const view = RunView.empty();
    const fork = view.fork();
    expect(() => RunView.empty().absorb(fork)).toThrow(InvariantError);
    expect(() => [...fork.entities()]).toThrow(InvariantError);
  });
});

function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
