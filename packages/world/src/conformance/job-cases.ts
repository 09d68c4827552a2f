/** Jobs: attempts of background steps, and who runs them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { JobDelivery, StepJob } from "../step-jobs.ts";
import type { ClaimedJob, JobClaimResult, World } from "../world.ts";
import { type Bench, refusal } from "./bench.ts";
import { type ConformanceCase, type ConformanceGroup, scenario } from "./fixture.ts";
import {
  cancelled,
  type DecisionDraft,
  leaseMs,
  reported,
  runCompleted,
  runFailed,
  runStarted,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepId,
  stepRetrying,
  stepStarted,
  text,
} from "./requests.ts";
import { type TestDriver, written } from "./test-driver.ts";

const background = (id: string, step = stepId): DecisionDraft => stepCreated(id, "background", step);

/** A run with one open background step, driven by `w1`. */
async function withJob(bench: Bench, id = "step_a"): Promise<TestDriver> {
  const driver = await bench.drive("w1");
  await driver.decide(background(id));
  return driver;
}

interface Taking {
  readonly max?: number;
  readonly steps?: readonly string[];
  readonly world?: World;
}

/** What a worker takes that has just beaten. */
async function take(bench: Bench, workerId: string, taking: Taking = {}): Promise<JobClaimResult> {
  const { max = 100, steps = [stepId], world = bench.world } = taking;
  await bench.beat(workerId, world);
  return world.steps.claim({ workerId, steps, max });
}

/** The one job that a worker finds. */
async function takeOne(bench: Bench, workerId: string, taking: Taking = {}): Promise<ClaimedJob> {
  const { jobs } = await take(bench, workerId, taking);
  equal(jobs.length, 1, `${workerId} finds one job, not ${jobs.length}`);
  const [job] = jobs;
  ok(job !== undefined);
  return job;
}

const ids = ({ jobs }: { readonly jobs: readonly ClaimedJob[] }) => jobs.map(({ job }) => job.correlationId);
const heldIds = async (bench: Bench, workerId: string) =>
  (await bench.world.steps.held(workerId)).map(({ correlationId }) => correlationId);
const place = ({ correlationId, attempt, delivery }: StepJob): JobDelivery => ({ correlationId, attempt, delivery });
const nextReadyAt = async (bench: Bench) =>
  (await bench.world.steps.claim({ workerId: "idle", steps: [stepId], max: 0 })).nextReadyAt;

/** The result of the body that a worker has run. */
function complete(driver: TestDriver, { job }: ClaimedJob, result = "result", world = driver.world) {
  const { attempt, delivery, correlationId } = job;
  const key = `${correlationId}/${attempt}/${delivery}`;
  const event = stepCompleted(correlationId, result, attempt, delivery);
  return world.log.append(driver.runId, reported(event, { key, attempt, delivery }));
}

function retry(driver: TestDriver, { job }: ClaimedJob, retryAt: number) {
  const { attempt, delivery, correlationId } = job;
  const event = stepRetrying(correlationId, attempt + 1, retryAt);
  return driver.world.log.append(driver.runId, reported(event, { key: `${attempt}/${delivery}`, attempt, delivery }));
}

const taken = [
  scenario("an append of a background step makes a job, which any worker takes with the call", async (bench) => {
    const driver = await withJob(bench);
    const readyAt = bench.now;
    const { job, created, run } = await takeOne(bench, "w2", { world: await bench.fixture.second() });
    const { workflowName, startedAt } = await bench.row(driver.runId);
    deepEqual(run, { workflowName, startedAt });
    deepEqual(job, {
      runId: driver.runId,
      correlationId: "step_a",
      stepId,
      position: 3,
      attempt: 1,
      delivery: 1,
      readyAt,
      owner: "w2",
    });
    deepEqual({ ...created.data, payload: text(created.payload) }, { ...created.data, payload: "args of step_a" });
    deepEqual([created.type, created.position, created.data.name], ["step_created", 3, "charge"]);
    deepEqual(await bench.world.steps.held("w2"), [job]);
  }),
  scenario("an inline step makes none", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(stepCreated("step_a"));
    deepEqual(ids(await take(bench, "w2")), []);
    equal(await nextReadyAt(bench), null);
  }),
  scenario("a first turn that is written with the creation makes jobs", async (bench) => {
    await bench.beat("w1");
    const facts = [{ ...runStarted(), at: bench.now }];
    const decisions = [background("step_a")({ position: 2, at: bench.now })];
    await bench.create({ eager: { worker: "w1", facts, decisions, release: null } });
    deepEqual(ids(await take(bench, "w2")), ["step_a"]);
  }),
  scenario("S1: a job is at one worker at a time", async (bench) => {
    await withJob(bench);
    await takeOne(bench, "w2");
    deepEqual(ids(await take(bench, "w3")), []);
    deepEqual(ids(await take(bench, "w2")), []);
  }),
  scenario("S1: two processes that take jobs at once share them without overlap", async (bench) => {
    const driver = await bench.drive("w1");
    const all = Array.from({ length: 40 }, (_, index) => `step_${index}`);
    await driver.decide(...all.map((id) => background(id)));
    const worlds = [bench.world, await bench.fixture.second()];
    for (const [index, world] of worlds.entries()) await bench.beat(`x${index}`, world);
    const claims = Array.from({ length: 12 }, (_, index) =>
      worlds[index % 2]?.steps.claim({ workerId: `x${index % 2}`, steps: [stepId], max: 5 }),
    );
    const found = (await Promise.all(claims)).flatMap((result) => result?.jobs ?? []);
    // Those that another claim has locked are passed over; the next claim finds them.
    const rest = await take(bench, "x0");
    deepEqual([...found, ...rest.jobs].map(({ job }) => job.correlationId).toSorted(), all.toSorted());
    ok([...found, ...rest.jobs].every(({ job }) => job.delivery === 1));
  }),
  scenario("a worker takes only jobs of steps that it has", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(background("step_a", "step//a.ts//a"), background("step_b", "step//b.ts//b"));
    deepEqual(ids(await take(bench, "w2", { steps: [] })), []);
    deepEqual(ids(await take(bench, "w2", { steps: ["step//c.ts//c"] })), []);
    deepEqual(ids(await take(bench, "w2", { steps: ["step//b.ts//b", "step//c.ts//c"] })), ["step_b"]);
    deepEqual(ids(await take(bench, "w3", { steps: ["step//a.ts//a"] })), ["step_a"]);
  }),
  scenario("a worker takes no more than it asks for, and hears that there is more", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(background("step_a"), background("step_b"), background("step_c"));
    const first = await take(bench, "w2", { max: 2 });
    equal(first.jobs.length, 2);
    ok(first.nextReadyAt !== null && first.nextReadyAt <= bench.now);
    equal((await take(bench, "w2", { max: 2 })).nextReadyAt, null);
  }),
  scenario("the end of the first lease of another worker with a job is foreseen", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(background("step_a"), background("step_b"));
    equal((await take(bench, "w2", { max: 1 })).nextLossAt, null);
    const beganAt = bench.now;
    bench.advance(10);
    equal((await take(bench, "w3", { max: 1 })).nextLossAt, beganAt + leaseMs);
    equal((await take(bench, "w4", { max: 0 })).nextLossAt, beganAt + leaseMs);
    equal((await take(bench, "w2", { max: 0 })).nextLossAt, beganAt + 10 + leaseMs);
    bench.expire();
    equal((await take(bench, "w4", { max: 0 })).nextLossAt, null);
  }),
  scenario("the job that has been ready longest comes first", async (bench) => {
    const driver = await bench.drive("w1");
    for (const id of ["step_c", "step_a", "step_b"]) {
      await driver.decide(background(id));
      bench.advance(10);
    }
    const order: string[] = [];
    for (const id of ["w2", "w3", "w4"]) order.push(...ids(await take(bench, id, { max: 1 })));
    deepEqual(order, ["step_c", "step_a", "step_b"]);
  }),
  scenario("a job stays when its run is given back or parked", async (bench) => {
    const driver = await withJob(bench);
    await bench.rest(driver);
    deepEqual(await bench.claimable("w2"), []);
    const job = await takeOne(bench, "w2");
    equal(await bench.world.unpark(driver.runId), false);
    written(await complete(driver, job));
    const next = await bench.claim("w3");
    await next.decide(background("step_b"));
    equal(await bench.world.park(next.runId, next.epoch, { reason: "limit", detail: "", position: null }), true);
    written(await complete(next, await takeOne(bench, "w2")));
  }),
];

const results = [
  scenario("S2: a result ends the job, and makes a run due that nobody drives", async (bench) => {
    const driver = await withJob(bench);
    await bench.rest(driver);
    const job = await takeOne(bench, "w2");
    const answer = written(await complete(driver, job, "of w2"));
    deepEqual([answer.events[0]?.type, text(answer.events[0]?.payload)], ["step_completed", "of w2"]);
    deepEqual(await heldIds(bench, "w2"), []);
    deepEqual(await bench.claimable("w3"), [driver.runId]);
    bench.expire();
    deepEqual(ids(await take(bench, "w4")), []);
  }),
  scenario("S2: a failure ends the job", async (bench) => {
    const driver = await withJob(bench);
    await takeOne(bench, "w2");
    written(await driver.world.log.append(driver.runId, reported(stepFailed("step_a"))));
    deepEqual(await heldIds(bench, "w2"), []);
    bench.expire();
    deepEqual(ids(await take(bench, "w3")), []);
  }),
  scenario("S5: a retry is another attempt of the job, at nobody until it is due", async (bench) => {
    const driver = await withJob(bench);
    const first = await takeOne(bench, "w2");
    const retryAt = bench.now + 500;
    await bench.rest(driver);
    written(await retry(driver, first, retryAt));
    // A retry is nothing to a driver.
    equal((await bench.row(driver.runId)).wakeAt, null);
    deepEqual(await heldIds(bench, "w2"), []);
    equal(await nextReadyAt(bench), retryAt);
    bench.advance(499);
    deepEqual(ids(await take(bench, "w3")), []);
    bench.advance(1);
    const { job } = await takeOne(bench, "w3");
    deepEqual([job.attempt, job.delivery, job.readyAt], [2, 1, retryAt]);
    written(await complete(driver, { ...first, job }));
  }),
  scenario("L5: a result that is sent again is answered with the original", async (bench) => {
    const driver = await withJob(bench);
    const job = await takeOne(bench, "w2");
    const first = written(await complete(driver, job));
    const again = written(await bench.untouched(driver.runId, () => complete(driver, job)));
    deepEqual(again.events, first.events);
  }),
  scenario("L5: a retry that is sent again does nothing to the attempt that runs by then", async (bench) => {
    const driver = await withJob(bench);
    const job = await takeOne(bench, "w2");
    written(await retry(driver, job, bench.now));
    const next = await takeOne(bench, "w3");
    written(await bench.untouched(driver.runId, () => retry(driver, job, bench.now)));
    deepEqual(await bench.world.steps.held("w3"), [next.job]);
  }),
  scenario(
    "S2 L5: results that are sent at once are each answered for themselves, and each is written once",
    async (bench) => {
      const driver = await bench.drive("w1");
      const names = Array.from({ length: 30 }, (_, index) => `step_${String(index).padStart(2, "0")}`);
      await driver.decide(...names.map((id) => background(id)));
      const { jobs } = await take(bench, "w2");
      const [lost] = jobs;
      ok(lost !== undefined);
      equal(await bench.world.steps.release("w2", driver.runId, place(lost.job)), true);
      const answers = await Promise.all([...jobs, ...jobs].map((job) => complete(driver, job, job.job.correlationId)));
      for (const [index, answer] of answers.entries()) {
        const id = jobs[index % jobs.length]?.job.correlationId ?? "";
        if (id === lost.job.correlationId) {
          equal(refusal(answer).kind, "entity");
          continue;
        }
        const events = written(answer).events.map(({ correlationId, payload }) => [correlationId, text(payload)]);
        deepEqual(events, [[id, id]]);
      }
      const log = await bench.log(driver.runId);
      const results = log.flatMap(({ type, correlationId }) =>
        type === "step_completed" ? [correlationId ?? ""] : [],
      );
      deepEqual(
        results.toSorted(),
        names.filter((name) => name !== lost.job.correlationId),
      );
      deepEqual(await heldIds(bench, "w2"), []);
    },
  ),
  scenario("S1: of two results of one delivery, one is written", async (bench) => {
    const driver = await withJob(bench);
    const { job } = await takeOne(bench, "w2");
    const worlds = [bench.world, await bench.fixture.second()];
    const answers = await Promise.all(
      worlds.map((world, index) =>
        world.log.append(driver.runId, reported(stepCompleted(job.correlationId, `${index}`), { key: `k${index}` })),
      ),
    );
    deepEqual(answers.map(({ kind }) => kind).toSorted(), ["appended", "refused"]);
  }),
];

const lost = [
  scenario("D2: nobody else takes a job while its worker lives", async (bench) => {
    await withJob(bench);
    await takeOne(bench, "w2");
    bench.advance(leaseMs - 1);
    deepEqual(ids(await take(bench, "w3")), []);
    await bench.beat("w2");
    bench.advance(leaseMs - 1);
    deepEqual(ids(await take(bench, "w3")), []);
  }),
  scenario(
    "S4: the job of a lost worker is another delivery, and the result of the one before is refused",
    async (bench) => {
      const driver = await withJob(bench);
      const first = await takeOne(bench, "w2");
      bench.expire();
      const second = await takeOne(bench, "w3");
      deepEqual([second.job.attempt, second.job.delivery, second.job.owner], [1, 2, "w3"]);
      deepEqual(await heldIds(bench, "w2"), []);
      const other = await bench.fixture.second();
      const late = await bench.untouched(driver.runId, () => complete(driver, first, "late", other));
      equal(refusal(late).kind, "entity");
      deepEqual(await heldIds(bench, "w3"), ["step_a"]);
      const answer = written(await complete(driver, second));
      deepEqual({ ...answer.events[0]?.data }, { attempt: 1, delivery: 2 });
    },
  ),
  scenario("S4: the retry of a lost delivery is refused", async (bench) => {
    const driver = await withJob(bench);
    const first = await takeOne(bench, "w2");
    bench.expire();
    await takeOne(bench, "w3");
    const late = await bench.untouched(driver.runId, () => retry(driver, first, bench.now));
    equal(refusal(late).kind, "entity");
    deepEqual(await heldIds(bench, "w3"), ["step_a"]);
  }),
  scenario("S4: a late result and another delivery at once: the later of the two loses", async (bench) => {
    const driver = await withJob(bench);
    const first = await takeOne(bench, "w2");
    bench.expire();
    await bench.beat("w3");
    const other = await bench.fixture.second();
    const [claim, result] = await Promise.all([
      bench.world.steps.claim({ workerId: "w3", steps: [stepId], max: 1 }),
      complete(driver, first, "late", other),
    ]);
    equal(claim.jobs.length, result.kind === "appended" ? 0 : 1);
  }),
  scenario("the jobs of lost workers come first, and go only to workers that have the step", async (bench) => {
    const driver = await withJob(bench);
    await takeOne(bench, "w2");
    await driver.decide(background("step_b"));
    bench.expire();
    deepEqual(ids(await take(bench, "w3", { steps: ["step//c.ts//c"] })), []);
    const first = await take(bench, "w3", { max: 1 });
    deepEqual([ids(first), first.nextReadyAt !== null && first.nextReadyAt <= bench.now], [["step_a"], true]);
    deepEqual(ids(await take(bench, "w3")), ["step_b"]);
  }),
  scenario("the jobs of a worker that retires may be taken at once", async (bench) => {
    await withJob(bench);
    await takeOne(bench, "w2");
    await bench.world.claims.retire("w2");
    equal((await takeOne(bench, "w3")).job.delivery, 2);
  }),
  scenario("a job that is given back may be taken at once, and its delivery is over", async (bench) => {
    const driver = await withJob(bench);
    const first = await takeOne(bench, "w2");
    const given = place(first.job);
    equal(await bench.world.steps.release("w3", driver.runId, given), false);
    equal(await bench.world.steps.release("w2", driver.runId, { ...given, delivery: 2 }), false);
    equal(await bench.world.steps.release("w2", driver.runId, { ...given, correlationId: "step_b" }), false);
    equal(await bench.world.steps.release("w2", "wrun_none", given), false);
    equal(await bench.world.steps.release("w2", driver.runId, given), true);
    equal(await bench.world.steps.release("w2", driver.runId, given), false);
    const second = await takeOne(bench, "w3");
    deepEqual([second.job.delivery, second.job.readyAt], [2, first.job.readyAt]);
    equal(refusal(await complete(driver, first, "late")).kind, "entity");
  }),
  scenario(
    "D1: a job outlives the process's connection to the store",
    async (bench) => {
      const driver = await withJob(bench);
      const job = await takeOne(bench, "w2");
      await bench.fixture.restart();
      deepEqual(await bench.world.steps.held("w2"), [job.job]);
      written(await complete(driver, job, "result", bench.world));
    },
    "restart",
  ),
];

const ends: readonly ConformanceCase[] = [
  { name: "completed", end: (driver: TestDriver) => driver.decide(runCompleted()) },
  { name: "failed", end: (driver: TestDriver) => driver.decide(runFailed()) },
  { name: "cancelled", end: (driver: TestDriver) => driver.world.log.append(driver.runId, cancelled()) },
  {
    name: "cancelled under another connection",
    end: async (driver: TestDriver, bench: Bench) =>
      (await bench.fixture.second()).log.append(driver.runId, cancelled()),
  },
].map(({ name, end }) =>
  scenario(`L6: when the run is ${name} its jobs go, and their results are refused`, async (bench) => {
    const driver = await withJob(bench);
    await driver.decide(background("step_b"));
    const other = await withJob(bench);
    const [first] = (await take(bench, "w2", { max: 1 })).jobs;
    ok(first !== undefined);
    await end(driver, bench);
    deepEqual(await heldIds(bench, "w2"), []);
    deepEqual(await bench.untouched(driver.runId, () => complete(driver, first)), {
      kind: "refused",
      reason: { kind: "terminal" },
    });
    bench.expire();
    const left = await take(bench, "w3");
    deepEqual(
      left.jobs.map(({ job }) => job.runId),
      [other.runId],
    );
  }),
);

const endsAtOnce = scenario(
  "S6: a step that is first asked for in the turn that ends the run has no job",
  async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(background("step_a"), runCompleted());
    deepEqual(ids(await take(bench, "w2")), []);
    equal(await nextReadyAt(bench), null);
  },
);

interface Refusal {
  readonly what: string;
  readonly attempt: (driver: TestDriver, bench: Bench) => Parameters<TestDriver["try"]>[0];
}

const refusals: readonly ConformanceCase[] = (
  [
    { what: "completes", attempt: () => ({ facts: [stepCompleted("step_a")] }) },
    { what: "fails", attempt: () => ({ facts: [stepFailed("step_a")] }) },
    { what: "retries", attempt: (_, bench) => ({ facts: [stepRetrying("step_a", 2, bench.now)] }) },
    { what: "starts", attempt: () => ({ facts: [stepStarted("step_a", 2)] }) },
  ] satisfies readonly Refusal[]
).map(({ what, attempt }: Refusal) =>
  scenario(`no driver ${what} a background step`, async (bench) => {
    const driver = await withJob(bench);
    equal(refusal(await driver.try(attempt(driver, bench))).kind, "entity");
    bench.expire();
    const next = await bench.claim("w2");
    equal(refusal(await bench.untouched(next.runId, () => next.try(attempt(next, bench)))).kind, "entity");
    deepEqual(ids(await take(bench, "w3")), ["step_a"]);
  }),
);

const untaken = scenario("S4: the result of a job that nobody has taken is refused", async (bench) => {
  const driver = await withJob(bench);
  const early = driver.world.log.append(driver.runId, reported(stepCompleted("step_a")));
  equal(refusal(await early).kind, "entity");
  deepEqual(ids(await take(bench, "w2")), ["step_a"]);
});

const hints = scenario(
  "Q1: a job that is made, and one that is given back, is hinted at",
  async (bench) => {
    const driver = await bench.drive("w1");
    const second = await bench.fixture.second();
    const { wake } = second;
    ok(wake !== undefined);
    const hinted = async (act: () => Promise<unknown>): Promise<void> => {
      const told = new Promise<void>((resolve) => {
        const stop = wake.listen(({ runId }) => {
          if (runId !== null && runId !== driver.runId) return;
          stop();
          resolve();
        });
      });
      await act();
      await told;
    };
    await hinted(() => driver.decide(background("step_a")));
    const { job } = await takeOne(bench, "w2");
    await hinted(() => bench.world.steps.release("w2", driver.runId, place(job)));
  },
  "wake",
);

export const jobGroup: ConformanceGroup = {
  subject: "jobs of background steps",
  cases: [...taken, ...results, ...lost, ...ends, endsAtOnce, ...refusals, untaken, hints],
};
