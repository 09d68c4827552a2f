/** D1, Q3: workers that are lost, and what becomes of their runs. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { expiriesMax } from "../claim-rules.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import { leaseMs, runCompleted, stepCreated, worker } from "./requests.ts";
import type { TestDriver } from "./test-driver.ts";

const look = (bench: Bench, workerId: string) => bench.world.claims.claim({ worker: worker(workerId), max: 0 });
const parking = { reason: "diverged", detail: "The code asked for another step.", position: 2 } as const;

const cases = [
  scenario("D1: a lost worker's runs are taken over under a new epoch when its lease is over", async (bench) => {
    const driver = await bench.drive("w1");
    bench.advance(leaseMs);
    const next = await bench.claim("w2");
    deepEqual([next.runId, next.epoch, next.tail], [driver.runId, 2, driver.tail]);
    equal((await bench.row(driver.runId)).owner, "w2");
  }),
  scenario("S3: a worker that beats keeps its runs", async (bench) => {
    await bench.drive("w1");
    for (let beat = 0; beat < 5; beat += 1) {
      bench.advance(leaseMs - 1);
      await bench.beat("w1");
      deepEqual(await bench.claimable("w2"), []);
    }
  }),
  scenario("the end of the first lease of another worker is foreseen, and moves with its beats", async (bench) => {
    equal((await look(bench, "w1")).nextLossAt, null);
    await bench.drive("w1");
    const beganAt = bench.now;
    equal((await look(bench, "w1")).nextLossAt, null);
    equal((await look(bench, "w2")).nextLossAt, beganAt + leaseMs);
    bench.advance(1_000);
    await bench.drive("w2");
    equal((await look(bench, "w3")).nextLossAt, beganAt + leaseMs);
    await bench.beat("w1");
    await bench.drive("w3");
    bench.advance(1);
    await bench.beat("w3");
    equal((await look(bench, "w4")).nextLossAt, beganAt + 1_000 + leaseMs);
    bench.advance(leaseMs - 1);
    const { nextLossAt } = await bench.world.claims.claim({ worker: worker("w4"), max: 2 });
    equal(nextLossAt, beganAt + 1_001 + leaseMs);
    bench.expire();
    equal((await look(bench, "w4")).nextLossAt, null);
  }),
  scenario("a worker that never beat counts as lost", async (bench) => {
    const run = await bench.create();
    await bench.world.claims.claim({ worker: worker("w1"), max: 1 });
    deepEqual(await bench.claimable("w2"), [run.runId]);
  }),
  scenario("a worker that retires leaves its runs to others at once", async (bench) => {
    const driver = await bench.drive("w1");
    await bench.world.claims.retire("w1");
    const next = await bench.claim("w2");
    deepEqual([next.runId, next.epoch], [driver.runId, 2]);
    equal((await driver.try({ decisions: [stepCreated("step_a")] })).kind, "fenced");
  }),
  scenario("D1: a driver whose run was taken over writes, releases and parks nothing", async (bench) => {
    const stale = await bench.drive("w1");
    bench.expire();
    const next = await bench.claim("w2");
    const { runId, epoch } = stale;
    await bench.untouched(runId, async () => {
      deepEqual(await stale.try({ decisions: [stepCreated("step_a")] }), { kind: "fenced" });
      deepEqual(await stale.try({ decisions: [runCompleted()] }), { kind: "fenced" });
      deepEqual(await stale.try({ ifTail: 99, release: { wakeAt: null } }), { kind: "fenced" });
      equal(await bench.world.claims.release(runId, { epoch, ifTail: stale.tail, wakeAt: null }), "fenced");
      equal(await bench.world.park(runId, epoch, parking), false);
    });
    await next.decide(stepCreated("step_a"));
  }),
  scenario("D1: a driver is fenced after it gave the run back itself", async (bench) => {
    const driver = await bench.drive();
    await bench.rest(driver);
    await bench.untouched(driver.runId, async () => {
      equal((await driver.try({ decisions: [stepCreated("step_a")] })).kind, "fenced");
    });
  }),
  scenario(
    "D1: a driver with a claim or events of which the store knows nothing is ahead, and refused",
    async (bench) => {
      const driver = await bench.drive();
      const { runId, epoch, tail } = driver;
      const ahead = { kind: "refused", reason: { kind: "ahead", tail } };
      await bench.untouched(runId, async () => {
        const request = driver.request({ decisions: [stepCreated("step_a")] });
        deepEqual(await driver.send({ ...request, epoch: epoch + 1 }), ahead);
        deepEqual(await driver.send({ ...request, after: tail + 1 }), ahead);
        const back = { epoch, ifTail: tail + 1, wakeAt: null };
        equal(await bench.world.claims.release(runId, back), "fenced");
      });
    },
  ),
  scenario("Q3: a run whose workers keep dying without progress is parked as stalled", async (bench) => {
    const driver = await bench.drive("w0");
    await loseWorkers(bench, expiriesMax + 1, 1);
    const row = await bench.row(driver.runId);
    deepEqual([row.parked?.reason, row.parked?.since, row.owner, row.status], ["stalled", bench.now, null, "running"]);
    bench.expire();
    deepEqual(await bench.claimable("w9"), []);
    equal(await bench.world.unpark(driver.runId), true);
    equal((await bench.row(driver.runId)).expiries, 0);
    const next = await bench.claim("w9");
    await next.decide(stepCreated("step_a"), runCompleted());
  }),
  scenario("Q3: a stalled run's last driver is fenced", async (bench) => {
    await bench.drive("w0");
    const drivers = await loseWorkers(bench, expiriesMax + 1, 1);
    const last = drivers.at(-1);
    ok(last !== undefined);
    equal((await last.try({ decisions: [stepCreated("step_a")] })).kind, "fenced");
  }),
  scenario("Q3: progress resets the count of lost workers", async (bench) => {
    const driver = await bench.drive("w0");
    const lost = await loseWorkers(bench, expiriesMax, 0);
    await lost.at(-1)?.decide(stepCreated("step_a"));
    const after = await loseWorkers(bench, expiriesMax, 0);
    equal(after.length, expiriesMax);
    equal((await bench.row(driver.runId)).parked, null);
  }),
  scenario("Q3: giving the run back resets the count of lost workers", async (bench) => {
    const driver = await bench.drive("w0");
    const lost = await loseWorkers(bench, expiriesMax, 0);
    const last = lost.at(-1);
    ok(last !== undefined);
    await bench.rest(last, bench.now);
    await bench.claim("wx");
    equal((await loseWorkers(bench, expiriesMax - 1, 0)).length, expiriesMax - 1);
    equal((await bench.row(driver.runId)).parked, null);
  }),
];

/**
 * Lets the owner die again and again; `missing` of the last rounds find nothing to claim. The first round after progress
 * does not count yet.
 */
async function loseWorkers(bench: Bench, rounds: number, missing: number): Promise<TestDriver[]> {
  const drivers: TestDriver[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bench.expire();
    const id = `lost ${bench.now}`;
    if (round < rounds - missing) drivers.push(await bench.claim(id));
    else deepEqual(await bench.claimable(id), []);
  }
  return drivers;
}

export const lossGroup: ConformanceGroup = { subject: "lost workers", cases };
