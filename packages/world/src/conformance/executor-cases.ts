/** Results by executors: whoever ran a body reports what came of it, without a claim. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { ExecutorAppend } from "../append.ts";
import { type Bench, refusal } from "./bench.ts";
import { type ConformanceCase, type ConformanceGroup, scenario } from "./fixture.ts";
import {
  cancelled,
  hookCreated,
  received,
  reported,
  runCompleted,
  runFailed,
  sleepFor,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  text,
} from "./requests.ts";
import { type TestDriver, written } from "./test-driver.ts";

/** A run with one open step, driven by `w1`. */
async function withStep(bench: Bench): Promise<TestDriver> {
  const driver = await bench.drive("w1");
  await driver.decide(stepCreated("step_a"));
  return driver;
}

const send = (driver: TestDriver, request: ExecutorAppend) => driver.world.log.append(driver.runId, request);

const taken = [
  scenario("S2: a result is taken from somebody who holds no claim, at the store's clock", async (bench) => {
    const driver = await withStep(bench);
    bench.advance(7);
    const request = reported(stepCompleted("step_a", "of the executor"), { key: "k" });
    const second = await bench.fixture.second();
    const answer = written(await second.log.append(driver.runId, { ...request, fact: { ...request.fact, at: 5 } }));
    deepEqual(answer.events, (await bench.log(driver.runId)).slice(3));
    equal(answer.released, false);
    const [event] = answer.events;
    ok(event !== undefined);
    deepEqual([event.type, event.position, event.correlationId], ["step_completed", 4, "step_a"]);
    deepEqual([event.at, event.epoch, event.key, event.cause], [bench.now, null, "k", null]);
    deepEqual([{ ...event.data }, text(event.payload)], [{ attempt: 1, delivery: 1 }, "of the executor"]);
  }),
  scenario("Q1: a result makes a run due that nobody drives", async (bench) => {
    const driver = await withStep(bench);
    await bench.rest(driver);
    deepEqual(await bench.claimable("w2"), []);
    written(await send(driver, reported(stepFailed("step_a"))));
    equal((await bench.row(driver.runId)).wakeAt, bench.now);
    deepEqual(await bench.claimable("w2"), [driver.runId]);
  }),
  scenario("D2: a result leaves the claim with its driver, who is told", async (bench) => {
    const driver = await withStep(bench);
    written(await send(driver, reported(stepCompleted("step_a"))));
    const { owner, epoch, wakeAt } = await bench.row(driver.runId);
    deepEqual([owner, epoch, wakeAt], ["w1", 1, null]);
    deepEqual(await bench.claimable("w2"), []);
    deepEqual(
      (await bench.world.claims.poll("w1")).map(({ runId, tail }) => [runId, tail]),
      [[driver.runId, 4]],
    );
    await driver.catchUp();
    await driver.decide(runCompleted());
  }),
  scenario("S1: the driver's own result of a step that an executor completed is refused", async (bench) => {
    const driver = await withStep(bench);
    written(await send(driver, reported(stepCompleted("step_a"))));
    const refused = await bench.untouched(driver.runId, () => driver.try({ facts: [stepCompleted("step_a")] }));
    equal(refusal(refused).kind, "entity");
  }),
  scenario("S5: a retry is the next attempt, which a claim starts when it is due", async (bench) => {
    const driver = await withStep(bench);
    await bench.rest(driver);
    written(await send(driver, reported(stepRetrying("step_a", 2, bench.now + 50))));
    const next = await bench.claim("w2");
    const early = await bench.untouched(next.runId, () => next.try({ facts: [stepStarted("step_a", 2, 2)] }));
    equal(refusal(early).kind, "early");
    bench.advance(50);
    await next.facts(stepStarted("step_a", 2, 2));
    written(await send(next, reported(stepCompleted("step_a", "r", 2, 2), { attempt: 2, delivery: 2 })));
  }),
  scenario("S5: after a retry the claim that held the step before still does", async (bench) => {
    const driver = await withStep(bench);
    written(await send(driver, reported(stepRetrying("step_a", 2, bench.now))));
    await driver.facts(stepCompleted("step_a", "r", 2));
  }),
  scenario("a parked run takes a result, and is due when it is unparked", async (bench) => {
    const driver = await withStep(bench);
    const parked = { reason: "limit", detail: "", position: null } as const;
    equal(await bench.world.park(driver.runId, driver.epoch, parked), true);
    written(await send(driver, reported(stepCompleted("step_a"))));
    deepEqual(await bench.claimable("w2"), []);
    equal(await bench.world.unpark(driver.runId), true);
    deepEqual(await bench.claimable("w2"), [driver.runId]);
  }),
];

const repeated = [
  scenario("L5: a result that is sent again is answered with the original, also after the end", async (bench) => {
    const driver = await withStep(bench);
    const request = reported(stepCompleted("step_a"), { key: "k" });
    const first = written(await send(driver, request));
    bench.advance(3);
    const again = written(await bench.untouched(driver.runId, () => send(driver, request)));
    deepEqual(again.events, first.events);
    await driver.catchUp();
    await driver.decide(runCompleted());
    const late = written(await bench.untouched(driver.runId, () => send(driver, request)));
    deepEqual(late.events, first.events);
  }),
  scenario("S1: of two that report on one start at once, one is written", async (bench) => {
    const driver = await withStep(bench);
    const second = await bench.fixture.second();
    const results = await Promise.all(
      [bench.world, second].map((world, index) =>
        world.log.append(driver.runId, reported(stepCompleted("step_a", `${index}`), { key: `k${index}` })),
      ),
    );
    deepEqual(results.map(({ kind }) => kind).toSorted(), ["appended", "refused"]);
    deepEqual((await bench.types(driver.runId)).slice(3), ["step_completed"]);
  }),
  scenario("S4: a result and the start of another delivery at once: the later of the two is refused", async (bench) => {
    const driver = await withStep(bench);
    bench.expire();
    const next = await bench.claim("w2");
    const second = await bench.fixture.second();
    const [started, result] = await Promise.all([
      next.try({ facts: [stepStarted("step_a", 2)] }),
      second.log.append(driver.runId, reported(stepCompleted("step_a"))),
    ]);
    deepEqual([started.kind, result.kind].toSorted(), ["appended", "refused"]);
  }),
];

interface Refusal {
  readonly what: string;
  readonly given?: (driver: TestDriver, bench: Bench) => Promise<unknown>;
  readonly request: (bench: Bench) => ExecutorAppend;
}

const refusals: readonly Refusal[] = [
  { what: "of no step of the run", request: () => reported(stepCompleted("step_b")) },
  { what: "of a later attempt", request: () => reported(stepCompleted("step_a", "r", 2), { attempt: 2 }) },
  { what: "of a later delivery", request: () => reported(stepCompleted("step_a", "r", 1, 2), { delivery: 2 }) },
  {
    what: "of an attempt that failed",
    given: (driver, bench) => driver.facts(stepRetrying("step_a", 2, bench.now)),
    request: () => reported(stepCompleted("step_a")),
  },
  {
    what: "of a delivery that was lost",
    given: async (_, bench) => {
      bench.expire();
      await (await bench.claim("w2")).facts(stepStarted("step_a", 2));
    },
    request: () => reported(stepFailed("step_a")),
  },
  {
    what: "that fails an attempt which was lost",
    given: async (_, bench) => {
      bench.expire();
      await (await bench.claim("w2")).facts(stepStarted("step_a", 2));
    },
    request: (bench) => reported(stepRetrying("step_a", 2, bench.now)),
  },
  {
    what: "of a step that has one",
    given: (driver) => driver.facts(stepCompleted("step_a")),
    request: () => reported(stepCompleted("step_a", "another")),
  },
  { what: "that names another start in its data", request: () => reported(stepCompleted("step_a", "r", 1, 2)) },
  { what: "that skips an attempt", request: (bench) => reported(stepRetrying("step_a", 3, bench.now)) },
  // Senders that break the types, as one over a network could.
  ...[stepStarted("step_a", 2), received("hook_a", "p", "k").fact, cancelled().fact].map((fact) => ({
    what: `that is none, but a ${fact.type}`,
    given: (driver: TestDriver) => driver.decide(hookCreated("hook_a", "t")),
    request: () => reported(fact as ExecutorAppend["fact"]),
  })),
  {
    what: "that is none, but a decision",
    request: (bench) => reported(sleepFor("wait_a", 1)({ position: 2, at: bench.now }) as never),
  },
];

const refused: readonly ConformanceCase[] = refusals.map(({ what, given, request }) =>
  scenario(`S4: an executor's result is refused ${what}`, async (bench) => {
    const driver = await withStep(bench);
    await given?.(driver, bench);
    const reason = refusal(await bench.untouched(driver.runId, () => send(driver, request(bench))));
    deepEqual([reason.kind, "index" in reason ? reason.index : null], ["entity", 0]);
  }),
);

const ends: readonly ConformanceCase[] = [
  { name: "completed", end: (driver: TestDriver) => driver.decide(runCompleted()) },
  { name: "failed", end: (driver: TestDriver) => driver.decide(runFailed()) },
  { name: "cancelled", end: (driver: TestDriver) => driver.world.log.append(driver.runId, cancelled()) },
].map(({ name, end }) =>
  scenario(`L6: an executor's result is refused when the run is ${name}`, async (bench) => {
    const driver = await withStep(bench);
    await end(driver);
    const result = await bench.untouched(driver.runId, () => send(driver, reported(stepCompleted("step_a"))));
    deepEqual(result, { kind: "refused", reason: { kind: "terminal" } });
  }),
);

export const executorGroup: ConformanceGroup = {
  subject: "results by executors",
  cases: [...taken, ...repeated, ...refused, ...ends],
};
