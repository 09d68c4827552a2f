import { expect, test } from "vitest";
import { PureRun } from "../test/pure-run.ts";
import {
  hookCreated,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepRetrying,
  waitCompleted,
} from "./conformance/requests.ts";
import { earlier, nextWake } from "./next-wake.ts";

test("of a run without timers there is none", () => {
  const pure = PureRun.started();
  expect(nextWake(pure.view)).toBeNull();
  pure.must({ decisions: [stepCreated("step_a"), hookCreated("hook_a", "t")] });
  expect(nextWake(pure.view)).toBeNull();
});

test("it is the earliest open wait", () => {
  const pure = PureRun.started();
  const { now } = pure;
  pure.must({
    decisions: [sleepUntil("wait_a", now + 30), sleepUntil("wait_b", now + 10), sleepUntil("wait_c", now + 20)],
  });
  expect(nextWake(pure.view)).toBe(now + 10);
  pure.now += 10;
  pure.must({ facts: [waitCompleted("wait_b")] });
  expect(nextWake(pure.view)).toBe(now + 20);
});

test("a retry counts until the step has its result", () => {
  const pure = PureRun.started();
  pure.must({ decisions: [stepCreated("step_a"), sleepUntil("wait_a", pure.now + 30)] });
  pure.must({ facts: [stepRetrying("step_a", 2, pure.now + 5)] });
  expect(nextWake(pure.view)).toBe(pure.now + 5);
  pure.must({ facts: [stepCompleted("step_a", "result", 2)] });
  expect(nextWake(pure.view)).toBe(pure.now + 30);
});

test("the earlier of two times, where null is never", () => {
  expect([earlier(null, null), earlier(1, null), earlier(null, 2), earlier(1, 2), earlier(2, 1)]).toEqual([
    null,
    1,
    2,
    1,
    1,
  ]);
});
