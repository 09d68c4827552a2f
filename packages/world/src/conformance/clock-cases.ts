/** T, R6: the store's clock is the only one that counts. */
import { deepEqual, equal } from "node:assert/strict";
import { clockBoundMs } from "../admit.ts";
import { type Bench, refusal } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  at,
  cancelled,
  hookCreated,
  received,
  runCompleted,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  waitCompleted,
} from "./requests.ts";
import { type TestDriver, written } from "./test-driver.ts";

/** A driver with an open step, an hour after its run began. */
async function atWork(bench: Bench): Promise<TestDriver> {
  const driver = await bench.drive();
  await driver.decide(stepCreated("step_a"));
  bench.advance(3_600_000);
  return driver;
}

const speculate = (driver: TestDriver, moment: number) =>
  driver.try({ facts: [at(moment, stepCompleted("step_a"))], ifTail: driver.tail });

async function refusedForClock(bench: Bench, driver: TestDriver, moment: number): Promise<void> {
  const reason = refusal(await bench.untouched(driver.runId, () => speculate(driver, moment)));
  deepEqual(reason, { kind: "clock", storeNow: bench.now });
}

async function keeps(bench: Bench, driver: TestDriver, moment: number): Promise<void> {
  const reply = written(await speculate(driver, moment));
  deepEqual(
    reply.events.map((event) => [event.at, event.committedAt]),
    [[moment, bench.now]],
  );
}

const chosenByDriver = [
  scenario(
    "R6: a driver's clock is kept as it chose it",
    async (bench) => {
      const driver = await atWork(bench);
      await keeps(bench, driver, bench.now - 1_234);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: it may be ahead of the store's by the bound",
    async (bench) => {
      const driver = await atWork(bench);
      await keeps(bench, driver, bench.now + clockBoundMs);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: it may be behind the store's by the bound",
    async (bench) => {
      const driver = await atWork(bench);
      await keeps(bench, driver, bench.now - clockBoundMs);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: further ahead than the bound is refused",
    async (bench) => {
      const driver = await atWork(bench);
      await refusedForClock(bench, driver, bench.now + clockBoundMs + 1);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: further behind than the bound is refused",
    async (bench) => {
      const driver = await atWork(bench);
      await refusedForClock(bench, driver, bench.now - clockBoundMs - 1);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: a driver's clock does not go backwards",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(stepCreated("step_a"));
      await refusedForClock(bench, driver, driver.cause.at - 1);
      await keeps(bench, driver, driver.cause.at);
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: nor does it within an append",
    async (bench) => {
      const driver = await atWork(bench);
      await driver.decide(stepCreated("step_b"));
      const facts = [at(bench.now, stepCompleted("step_a")), at(bench.now - 1, stepCompleted("step_b"))];
      const result = await bench.untouched(driver.runId, () => driver.try({ facts, ifTail: driver.tail }));
      equal(refusal(result).kind, "clock");
    },
    "compareAndAppend",
  ),
  scenario(
    "R6: a clock is a whole number",
    async (bench) => {
      const driver = await atWork(bench);
      await refusedForClock(bench, driver, Number.NaN);
      await refusedForClock(bench, driver, bench.now + 0.5);
    },
    "compareAndAppend",
  ),
  scenario(
    "T1: a wait does not complete by a driver's clock alone",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(sleepFor("wait_a", 5_000));
      const facts = [at(bench.now + 5_000, waitCompleted("wait_a"))];
      const reason = refusal(await bench.untouched(driver.runId, () => driver.try({ facts, ifTail: driver.tail })));
      deepEqual(reason, { kind: "early", index: 0, storeNow: bench.now });
    },
    "compareAndAppend",
  ),
  scenario(
    "T1: a wait does not complete by the store's clock alone",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(sleepFor("wait_a", 5_000));
      bench.advance(5_000);
      const facts = [at(bench.now - 1, waitCompleted("wait_a"))];
      equal(refusal(await driver.try({ facts, ifTail: driver.tail })).kind, "early");
      written(await driver.try({ facts: [at(bench.now, waitCompleted("wait_a"))], ifTail: driver.tail }));
    },
    "compareAndAppend",
  ),
];

const setByStore = [
  scenario("R6: without a tail to compare, the store sets the clock of a fact", async (bench) => {
    const driver = await atWork(bench);
    const reply = await driver.append({ facts: [at(bench.now - 60_000, stepCompleted("step_a"))] });
    equal(reply.events[0]?.at, bench.now);
  }),
  scenario("R6: the store sets the clock of what comes from outside", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    bench.advance(77);
    const request = received("hook_a", "payload", "k");
    const ahead = { ...request, fact: { ...request.fact, at: bench.now + 5 } };
    const reply = written(await bench.world.log.append(driver.runId, ahead));
    equal(reply.events[0]?.at, bench.now);
    equal(reply.storeNow, bench.now);
  }),
  scenario("R6: a store's clock that is set back does not set the log's back", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"), stepCreated("step_a"));
    const latest = driver.cause.at;
    bench.advance(-3_600_000);
    const outside = written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    const inside = await driver.facts(stepCompleted("step_a"));
    for (const event of [...outside.events, ...inside.events]) {
      deepEqual([event.at, event.committedAt], [latest, bench.now]);
    }
    const end = written(await bench.world.log.append(driver.runId, cancelled()));
    equal(end.events[0]?.at, latest);
  }),
  scenario("R6: the run's row keeps the clock of the newest fact, and the moments of its life", async (bench) => {
    const created = bench.now;
    const run = await bench.create();
    bench.advance(10);
    const driver = await bench.claim("w1");
    bench.advance(10);
    await driver.facts(runStarted());
    bench.advance(10);
    await driver.decide(runCompleted());
    const row = await bench.row(run.runId);
    deepEqual(
      [row.createdAt, row.startedAt, row.endedAt, row.lastAt],
      [created, created + 20, created + 30, created + 20],
    );
  }),
  scenario("T2: a duration begins with the store's clock, a moment is taken as given", async (bench) => {
    const driver = await bench.drive();
    bench.advance(5);
    const reply = await driver.decide(
      sleepFor("wait_a", 1_000),
      sleepUntil("wait_b", 12_345),
      sleepFor("wait_c", 0.25),
      sleepFor("wait_d", 0),
    );
    const moments = reply.events.map((event) => (event.type === "wait_created" ? event.data.resumeAt : null));
    deepEqual(moments, [bench.now + 1_000, 12_345, bench.now + 1, bench.now]);
  }),
  scenario("T1: a wait completes when its moment has come, not a millisecond before", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(sleepFor("wait_a", 1_000));
    bench.advance(999);
    const early = refusal(await bench.untouched(driver.runId, () => driver.try({ facts: [waitCompleted("wait_a")] })));
    deepEqual(early, { kind: "early", index: 0, storeNow: bench.now });
    bench.advance(1);
    const reply = await driver.facts(waitCompleted("wait_a"));
    equal(reply.events[0]?.at, bench.now);
  }),
];

export const clockGroup: ConformanceGroup = { subject: "clock", cases: [...chosenByDriver, ...setByStore] };
