/** Parking, bundles, wake-ups, and the store as a whole. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { StoreError } from "@perdure/errors";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import { cancelled, hookCreated, received, runCompleted, stepCreated, tokenHash } from "./requests.ts";
import { written } from "./test-driver.ts";

const parking = { reason: "diverged", detail: "The code asked for another step.", position: 2 } as const;

const parkingCases = [
  scenario("a parked run is out of every driver's hands", async (bench) => {
    const driver = await bench.drive("w1");
    bench.advance(5);
    equal(await bench.world.park(driver.runId, driver.epoch, parking), true);
    const row = await bench.row(driver.runId);
    deepEqual({ ...row.parked }, { ...parking, since: bench.now });
    deepEqual([row.status, row.owner, row.endedAt], ["running", null, null]);
    bench.expire();
    deepEqual(await bench.claimable("w2"), []);
    await bench.untouched(driver.runId, async () => {
      const { runId, epoch, tail } = driver;
      equal((await driver.try({ decisions: [stepCreated("step_a")] })).kind, "fenced");
      equal(await bench.world.claims.release(runId, { epoch, ifTail: tail, wakeAt: bench.now }), "fenced");
    });
  }),
  scenario("a parked run that is put back is due at once, under a new epoch", async (bench) => {
    const driver = await bench.drive("w1");
    await bench.world.park(driver.runId, driver.epoch, parking);
    bench.advance(5);
    equal(await (await bench.fixture.second()).unpark(driver.runId), true);
    const row = await bench.row(driver.runId);
    deepEqual([row.parked, row.wakeAt, row.expiries], [null, bench.now, 0]);
    equal((await driver.try({ decisions: [stepCreated("step_a")] })).kind, "fenced");
    const next = await bench.claim("w1");
    equal(next.epoch, 2);
    await next.decide(stepCreated("step_a"));
  }),
  scenario("only what is parked is put back", async (bench) => {
    const driver = await bench.drive();
    await bench.untouched(driver.runId, async () => equal(await bench.world.unpark(driver.runId), false));
    equal(await bench.world.unpark("wrun_unknown"), false);
    equal(await bench.world.park("wrun_unknown", 1, parking), false);
  }),
  scenario("D1: a run is parked by its own driver only, and only while it lives", async (bench) => {
    const driver = await bench.drive();
    const { runId, epoch } = driver;
    await bench.untouched(runId, async () => equal(await bench.world.park(runId, epoch - 1, parking), false));
    await bench.untouched(runId, async () => equal(await bench.world.park(runId, epoch + 1, parking), false));
    await driver.decide(runCompleted());
    await bench.untouched(runId, async () => equal(await bench.world.park(runId, epoch, parking), false));
  }),
  scenario("a run that is parked twice keeps the first reason", async (bench) => {
    const { runId, epoch } = await bench.drive();
    equal(await bench.world.park(runId, epoch, parking), true);
    bench.advance(5);
    await bench.untouched(runId, async () => {
      equal(await bench.world.park(runId, epoch, { reason: "limit", detail: "again", position: null }), true);
    });
  }),
  scenario("H1: a parked run takes payloads, and they do not wake it", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    await bench.world.park(driver.runId, driver.epoch, parking);
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    deepEqual(await bench.claimable("w2"), []);
    equal((await bench.row(driver.runId)).parked?.reason, "diverged");
    await bench.world.unpark(driver.runId);
    deepEqual((await bench.claim("w2")).log.map((event) => event.type).at(-1), "hook_received");
  }),
  scenario("X2: a parked run can be cancelled, which ends it for good", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    await bench.world.park(driver.runId, driver.epoch, parking);
    written(await bench.world.log.append(driver.runId, cancelled()));
    const row = await bench.row(driver.runId);
    deepEqual([row.status, row.parked, row.wakeAt], ["cancelled", null, null]);
    equal(await bench.world.hooks.find(tokenHash("t")), null);
    equal(await bench.world.unpark(driver.runId), false);
  }),
  scenario(
    "L2: a run stays parked when the store is opened again",
    async (bench) => {
      const driver = await bench.drive();
      await bench.world.park(driver.runId, driver.epoch, { reason: "limit", detail: "", position: null });
      const before = await bench.row(driver.runId);
      await bench.fixture.restart();
      deepEqual(await bench.row(driver.runId), before);
    },
    "restart",
  ),
];

const others = [
  scenario("a bundle comes back byte for byte, and is stored once", async (bench) => {
    const code = new Uint8Array(200_000).map((_, index) => index * 7);
    equal(await bench.world.bundles.get("bndl_1"), null);
    await bench.world.bundles.put("bndl_1", code);
    await bench.world.bundles.put("bndl_1", code);
    await (await bench.fixture.second()).bundles.put("bndl_2", new Uint8Array(0));
    const found = await bench.world.bundles.get("bndl_1");
    ok(found !== null && Buffer.compare(found, code) === 0);
    equal((await bench.world.bundles.get("bndl_2"))?.length, 0);
    code.fill(0);
    found.fill(1);
    equal((await bench.world.bundles.get("bndl_1"))?.[1], 7);
  }),
  scenario("a world says what it is", async (bench) => {
    const described = await bench.world.describe();
    const second = await (await bench.fixture.second()).describe();
    equal(described.storeNow, bench.now);
    ok(described.incarnation.length > 0 && described.location.length > 0 && described.namespace.length > 0);
    deepEqual([second.incarnation, second.namespace], [described.incarnation, described.namespace]);
    ok(bench.world.capabilities.maxEventsPerAppend >= 1_000);
  }),
  scenario("a closed world says so, and leaves the others open", async (bench) => {
    const run = await bench.create();
    const second = await bench.fixture.second();
    await second.close();
    const isClosed = (error: unknown) => StoreError.is(error) && error.code === "STORE_CLOSED";
    await rejects(second.runs.get(run.runId), isClosed);
    await rejects(second.log.append(run.runId, cancelled()), isClosed);
    await rejects(second.claims.poll("w1"), isClosed);
    equal((await bench.row(run.runId)).status, "pending");
  }),
  scenario(
    "Q2: whoever listens hears of what became due",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(hookCreated("hook_a", "t"));
      await bench.rest(driver);
      const changes: [name: string, runId: string | null, change: () => Promise<unknown>][] = [
        ["a creation", null, () => bench.create()],
        ["a payload", driver.runId, () => bench.world.log.append(driver.runId, received("hook_a", "payload", "k"))],
        ["a cancellation", driver.runId, () => bench.world.log.append(driver.runId, cancelled())],
      ];
      for (const [, runId, change] of changes) {
        const heard = Promise.withResolvers<void>();
        const stop = bench.world.wake?.listen((hint) => {
          if (runId === null || hint.runId === null || hint.runId === runId) heard.resolve();
        });
        await change();
        await heard.promise;
        stop?.();
      }
    },
    "wake",
  ),
  scenario(
    "Q2: whoever stopped listening hears nothing more",
    async (bench) => {
      let count = 0;
      const stop = bench.world.wake?.listen(() => {
        count += 1;
      });
      stop?.();
      const heard = Promise.withResolvers<void>();
      const stopOther = bench.world.wake?.listen(() => heard.resolve());
      await bench.create();
      await heard.promise;
      stopOther?.();
      equal(count, 0);
    },
    "wake",
  ),
];

export const parkGroup: ConformanceGroup = { subject: "parking", cases: parkingCases };
export const storeGroup: ConformanceGroup = { subject: "store", cases: others };
