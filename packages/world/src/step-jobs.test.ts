import { describe, expect, test } from "vitest";
import { PureRun } from "../test/pure-run.ts";
import {
  cancelled,
  reported,
  runCompleted,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepId,
  stepRetrying,
} from "./conformance/requests.ts";
import { isJobReady, jobAtWork, returnJob, type StepJob, takeJob } from "./step-jobs.ts";

const job: StepJob = {
  runId: "wrun_1",
  correlationId: "step_a",
  stepId,
  position: 3,
  attempt: 2,
  delivery: 4,
  readyAt: 100,
  owner: "w1",
};

/** A run with a background step that a worker has taken, and an inline one. */
function withJob(): PureRun {
  const pure = PureRun.started();
  pure.must({ decisions: [stepCreated("step_a", "background"), stepCreated("step_i")] });
  pure.take("step_a", "w2");
  return pure;
}

describe("what an append does to jobs", () => {
  test("a background step that is asked for makes one, an inline step none", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_i"), stepCreated("step_a", "background")] });
    expect([...pure.jobs.values()]).toEqual([
      {
        runId: pure.run.runId,
        correlationId: "step_a",
        stepId,
        position: 4,
        attempt: 1,
        delivery: 0,
        readyAt: pure.now,
        owner: null,
      },
    ]);
  });

  test("a result ends it", () => {
    for (const result of [stepCompleted("step_a"), stepFailed("step_a")]) {
      const pure = withJob();
      expect(pure.executor(reported(result, { key: "k" })).kind).toBe("admitted");
      expect([...pure.jobs.keys()]).toEqual([]);
    }
  });

  test("a retry is its next attempt, at nobody, ready when it is due", () => {
    const pure = withJob();
    const retryAt = pure.now + 5;
    expect(pure.executor(reported(stepRetrying("step_a", 2, retryAt))).kind).toBe("admitted");
    expect(pure.jobs.get("step_a")).toMatchObject({ attempt: 2, delivery: 0, readyAt: retryAt, owner: null });
    expect(pure.view.entityOf("step", "step_a")).toMatchObject({ state: "retrying", attempt: 2 });
  });

  test("the result of an inline step, by its driver or an executor, does nothing to jobs", () => {
    const pure = withJob();
    const before = [...pure.jobs];
    pure.must({ facts: [stepRetrying("step_i", 2, pure.now)] });
    expect(pure.executor(reported(stepCompleted("step_i", "r", 2), { attempt: 2 })).kind).toBe("admitted");
    expect([...pure.jobs]).toEqual(before);
  });

  test("the end of the run takes all, and steps that were asked for in the last turn get none", () => {
    const completed = withJob();
    completed.must({ decisions: [stepCreated("step_b", "background"), runCompleted()] });
    expect([...completed.jobs]).toEqual([]);
    const cancelledRun = withJob();
    expect(cancelledRun.outside(cancelled()).kind).toBe("admitted");
    expect([...cancelledRun.jobs]).toEqual([]);
  });
});

describe("what is reported on a background step", () => {
  const result = (attempt: number, delivery: number) => {
    const event = stepCompleted("step_a", "r", attempt, delivery);
    return reported(event, { key: `${attempt}/${delivery}`, attempt, delivery });
  };

  test("counts from the delivery at which its job is", () => {
    const pure = withJob();
    pure.take("step_a", "w3");
    expect(pure.executor(result(1, 1)).kind).toBe("refused");
    expect(pure.executor(result(1, 3)).kind).toBe("refused");
    expect(pure.executor(result(2, 2)).kind).toBe("refused");
    expect(pure.executor(result(1, 2)).kind).toBe("admitted");
  });

  test("counts from nobody while the job is at nobody", () => {
    const pure = PureRun.started();
    pure.must({ decisions: [stepCreated("step_a", "background")] });
    expect(pure.executor(result(1, 0)).kind).toBe("refused");
    expect(pure.executor(result(1, 1)).kind).toBe("refused");
  });

  test("names the same start in its data", () => {
    const pure = withJob();
    const request = reported(stepCompleted("step_a", "r", 1, 2), { attempt: 1, delivery: 1 });
    expect(pure.executor(request)).toMatchObject({ kind: "refused", reason: { kind: "entity" } });
  });

  test("is not its driver's to say", () => {
    const facts = [stepCompleted("step_a"), stepFailed("step_a"), stepRetrying("step_a", 2, 0)];
    for (const fact of facts) expect(withJob().append({ facts: [fact] }).kind).toBe("refused");
  });
});

describe("a job", () => {
  test("is ready from its moment on, and at once when its worker is lost", () => {
    const waiting = { ...job, owner: null };
    expect([99, 100, 101].map((now) => isJobReady(waiting, "none", now))).toEqual([false, true, true]);
    expect(isJobReady(job, "alive", 1_000)).toBe(false);
    expect(isJobReady(job, "dead", 0)).toBe(true);
  });

  test("is another delivery each time it is taken", () => {
    expect(takeJob({ ...job, owner: null }, "w2")).toEqual({ ...job, delivery: 5, owner: "w2" });
    expect(takeJob(job, "w2")).toEqual({ ...job, delivery: 5, owner: "w2" });
  });

  test("is given back by the worker that has this delivery", () => {
    const given = { correlationId: "step_a", attempt: 2, delivery: 4 };
    expect(returnJob(job, "w1", given)).toEqual({ ...job, owner: null });
    expect(returnJob(job, "w2", given)).toBeNull();
    expect(returnJob(job, "w1", { ...given, delivery: 3 })).toBeNull();
    expect(returnJob(job, "w1", { ...given, attempt: 1 })).toBeNull();
    expect(returnJob({ ...job, owner: null }, "w1", given)).toBeNull();
  });

  test("is at work at the delivery of the worker that has it", () => {
    expect(jobAtWork(job)).toEqual({ attempt: 2, delivery: 4 });
    expect([jobAtWork({ ...job, owner: null }), jobAtWork(null), jobAtWork(undefined)]).toEqual([null, null, null]);
  });
});
