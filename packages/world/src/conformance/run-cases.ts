/** Creation, lists, waiting, parking, bundles: what concerns runs as wholes. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { InvalidCursorError, StoreError } from "@perdure/errors";
import type { RunRecord } from "../run-record.ts";
import type { CreateRequest, World } from "../world.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  bytes,
  cancelled,
  createRequest,
  type DecisionDraft,
  hookCreated,
  received,
  runCompleted,
  runStarted,
  sleepFor,
  stepCreated,
  text,
  tokenHash,
} from "./requests.ts";
import { TestDriver, written } from "./test-driver.ts";

const parking = { reason: "diverged", detail: "The code asked for another step.", position: 2 } as const;

/** A first turn that was run before anything was written. */
function eager(
  bench: Bench,
  decisions: readonly DecisionDraft[],
  release: { readonly wakeAt: number | null } | null = null,
): NonNullable<CreateRequest["eager"]> {
  const cause = { position: 2, at: bench.now };
  return {
    worker: "w1",
    facts: [{ ...runStarted(), at: bench.now }],
    decisions: decisions.map((draft) => draft(cause)),
    release,
  };
}

const creation = [
  scenario("a client's creation writes run_created alone", async (bench) => {
    const request = createRequest(bench.newRunId(), { key: "order-42", input: bytes("the input") });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "created");
    deepEqual([result.released, result.storeNow, result.run], [false, bench.now, await bench.row(request.runId)]);
    deepEqual(result.events, await bench.log(request.runId));
    deepEqual(
      result.events.map((event) => [event.type, event.at, text(event.payload)]),
      [["run_created", bench.now, "the input"]],
    );
    const { run } = result;
    deepEqual([run.status, run.tail, run.epoch, run.owner, run.wakeAt], ["pending", 1, 0, null, bench.now]);
    const { namespace } = await bench.world.describe();
    deepEqual([run.key, run.namespace, run.createdAt, run.startedAt], ["order-42", namespace, bench.now, null]);
  }),
  scenario("an eager creation is claimed, with its first turn, in one commit", async (bench) => {
    await bench.beat("w1");
    const request = createRequest(bench.newRunId(), { eager: eager(bench, [stepCreated("step_a")]) });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "created");
    deepEqual(
      result.events.map((event) => event.type),
      ["run_created", "run_started", "step_created"],
    );
    deepEqual([result.run.owner, result.run.epoch, result.run.status, result.released], ["w1", 1, "running", false]);
    deepEqual(await bench.claimable("w2"), []);
    const driver = new TestDriver(bench.world, request.runId, 1, result.events, 1);
    await driver.decide(runCompleted());
  }),
  scenario("L5: an eager creation counts as the first append of its claim", async (bench) => {
    await bench.beat("w1");
    const request = createRequest(bench.newRunId(), { eager: eager(bench, [stepCreated("step_a")]) });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "created");
    const driver = new TestDriver(bench.world, request.runId, 1, result.events, 0);
    const reply = written(await driver.try({ decisions: [stepCreated("step_b")] }));
    deepEqual([reply.events, reply.tail], [[], 3]);
    await driver.decide(stepCreated("step_b"));
  }),
  scenario("an eager creation can give its claim back at once", async (bench) => {
    await bench.beat("w1");
    const release = { wakeAt: null };
    const request = createRequest(bench.newRunId(), { eager: eager(bench, [sleepFor("wait_a", 700)], release) });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "created");
    deepEqual([result.released, result.run.owner, result.run.wakeAt], [true, null, bench.now + 700]);
    bench.advance(700);
    equal((await bench.claim("w2")).epoch, 2);
  }),
  scenario("an eager creation can be the whole run", async (bench) => {
    await bench.beat("w1");
    const request = createRequest(bench.newRunId(), { eager: eager(bench, [runCompleted()]) });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "created");
    deepEqual([result.released, result.run.status, result.run.wakeAt], [true, "completed", null]);
  }),
  scenario("L4: an eager creation of which one event is refused creates nothing", async (bench) => {
    await bench.beat("w1");
    const twice = [hookCreated("hook_a", "t"), stepCreated("step_a"), stepCreated("step_a")];
    const request = createRequest(bench.newRunId(), { key: "order-42", eager: eager(bench, twice) });
    const result = await bench.world.runs.create(request);
    ok(result.kind === "refused" && result.reason.kind === "entity");
    equal(result.reason.index, 3);
    deepEqual(await nothingLeft(bench, request.runId), [null, [], null]);
    equal((await bench.create({ key: "order-42" })).key, "order-42");
  }),
  scenario("R6: an eager creation with a clock out of bounds creates nothing", async (bench) => {
    await bench.beat("w1");
    const turn = eager(bench, []);
    bench.advance(60_000);
    const result = await bench.world.runs.create(createRequest(bench.newRunId(), { eager: turn }));
    deepEqual(result, { kind: "refused", reason: { kind: "clock", storeNow: bench.now } });
  }),
  scenario("X4: a key names one run", async (bench) => {
    const first = await bench.create({ key: "order-42" });
    const second = await bench.world.runs.create(createRequest(bench.newRunId(), { key: "order-42" }));
    ok(second.kind === "existing");
    deepEqual(second.run, first);
    equal((await bench.create({ key: "order-43" })).key, "order-43");
  }),
  scenario("X4: a key still names its run when that has ended", async (bench) => {
    const first = await bench.create({ key: "order-42" });
    written(await bench.world.log.append(first.runId, cancelled()));
    const second = await bench.world.runs.create(createRequest(bench.newRunId(), { key: "order-42" }));
    ok(second.kind === "existing");
    deepEqual([second.run.runId, second.run.status], [first.runId, "cancelled"]);
  }),
  scenario("X4: creations of one key from two processes at once make one run", async (bench) => {
    const worlds = [bench.world, await bench.fixture.second()];
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        worlds[index % 2]?.runs.create(createRequest(bench.newRunId(), { key: "order-42" })),
      ),
    );
    const created = results.filter((result) => result?.kind === "created");
    equal(created.length, 1);
    const runIds = results.map((result) => (result !== undefined && "run" in result ? result.run.runId : null));
    equal(new Set(runIds).size, 1);
  }),
  scenario("X4: an eager creation that finds its key taken leaves nothing behind", async (bench) => {
    await bench.beat("w1");
    await bench.create({ key: "order-42" });
    const turn = eager(bench, [hookCreated("hook_a", "t")]);
    const request = createRequest(bench.newRunId(), { key: "order-42", eager: turn });
    equal((await bench.world.runs.create(request)).kind, "existing");
    deepEqual(await nothingLeft(bench, request.runId), [null, [], null]);
  }),
  scenario("runs without a key do not meet", async (bench) => {
    const [first, second] = [await bench.create(), await bench.create()];
    deepEqual([first.key, second.key], [null, null]);
  }),
  scenario("L5: a creation that is sent again is answered with the run", async (bench) => {
    const request = createRequest(bench.newRunId(), { key: "order-42" });
    const first = await bench.world.runs.create(request);
    const second = await bench.untouched(request.runId, () => bench.world.runs.create(request));
    deepEqual(second, first);
  }),
  scenario("L5: an eager creation that is sent again still holds its claim", async (bench) => {
    await bench.beat("w1");
    const request = createRequest(bench.newRunId(), { key: "k", eager: eager(bench, [hookCreated("hook_a", "t")]) });
    const first = await bench.world.runs.create(request);
    const second = await bench.untouched(request.runId, () => bench.world.runs.create(request));
    deepEqual(second, first);
    ok(second.kind === "created" && !second.released);
  }),
  scenario("L5: sent again after another worker took over, its claim is gone", async (bench) => {
    await bench.beat("w1");
    const request = createRequest(bench.newRunId(), { eager: eager(bench, [stepCreated("step_a")]) });
    await bench.world.runs.create(request);
    bench.expire();
    await bench.claim("w2");
    const second = await bench.untouched(request.runId, () => bench.world.runs.create(request));
    ok(second.kind === "created");
    deepEqual([second.released, second.events.length, second.run.epoch], [true, 3, 2]);
  }),
];

async function nothingLeft(bench: Bench, runId: string): Promise<unknown[]> {
  const log = await bench.world.log.read(runId, { after: 0, limit: 10 });
  return [await bench.world.runs.get(runId), log, await bench.world.hooks.find(tokenHash("t"))];
}

async function listAll(world: World, limit: number, filter: object = {}, between?: () => Promise<unknown>) {
  const items: RunRecord[] = [];
  let cursor: string | null = null;
  do {
    const page = await world.runs.list({ ...filter, limit, ...(cursor === null ? {} : { cursor }) });
    ok(page.items.length <= limit);
    items.push(...page.items);
    cursor = page.cursor;
    await between?.();
  } while (cursor !== null);
  return items.map((run) => run.runId);
}

async function severalRuns(bench: Bench): Promise<string[]> {
  const runIds: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    runIds.unshift((await bench.create()).runId);
    // Some runs share a moment of creation.
    if (index % 3 === 0) bench.advance(1);
  }
  return runIds;
}

const lists = [
  scenario("a list is newest first, in pages of any size", async (bench) => {
    deepEqual(await bench.world.runs.list({ limit: 10 }), { items: [], cursor: null });
    const newestFirst = await severalRuns(bench);
    for (const limit of [1, 2, 3, 7, 100]) deepEqual(await listAll(bench.world, limit), newestFirst);
  }),
  scenario("a list shows each run once, while others are created", async (bench) => {
    const newestFirst = await severalRuns(bench);
    const seen = await listAll(bench.world, 2, {}, () => bench.create());
    deepEqual(seen.slice(0, 7), newestFirst);
    equal(new Set(seen).size, seen.length);
  }),
  scenario("a list can be continued by another process, and after runs have changed", async (bench) => {
    const newestFirst = await severalRuns(bench);
    const first = await bench.world.runs.list({ limit: 3 });
    for (const runId of newestFirst) written(await bench.world.log.append(runId, cancelled()));
    ok(first.cursor !== null);
    const second = await bench.fixture.second();
    const rest = await second.runs.list({ limit: 10, cursor: first.cursor });
    deepEqual(
      rest.items.map((run) => run.runId),
      newestFirst.slice(3),
    );
    equal(rest.cursor, null);
  }),
  scenario("a list can be filtered by status, workflow and parking", async (bench) => {
    const pending = await bench.create({ workflowId: "workflow//b.ts//b" });
    const parked = await bench.drive();
    const running = await bench.drive();
    const done = await bench.drive();
    await done.decide(runCompleted());
    equal(await bench.world.park(parked.runId, parked.epoch, parking), true);
    const list = (filter: object) => listAll(bench.world, 1, filter);
    deepEqual(await list({ status: "pending" }), [pending.runId]);
    deepEqual(await list({ status: "running" }), [running.runId, parked.runId]);
    deepEqual(await list({ status: "completed" }), [done.runId]);
    deepEqual(await list({ status: "failed" }), []);
    deepEqual(await list({ parked: true }), [parked.runId]);
    deepEqual(await list({ parked: false }), [done.runId, running.runId, pending.runId]);
    deepEqual(await list({ workflowId: "workflow//b.ts//b" }), [pending.runId]);
    deepEqual(await list({ status: "running", parked: false }), [running.runId]);
  }),
  scenario("a cursor that no page gave is a typed error", async (bench) => {
    await bench.create();
    for (const cursor of ["", "nonsense", "1", "\u0000"]) {
      await rejects(bench.world.runs.list({ limit: 1, cursor }), (error) => InvalidCursorError.is(error));
    }
  }),
  scenario("an unknown run has no row", async (bench) => {
    equal(await bench.world.runs.get("wrun_unknown"), null);
  }),
];

/** More than any case takes; no case waits for it. */
const longMs = 20_000;

const waiting = [
  scenario("waiting for an ended or parked run is over at once", async (bench) => {
    const done = await bench.drive();
    await done.decide(runCompleted());
    const parked = await bench.drive();
    await bench.world.park(parked.runId, parked.epoch, parking);
    deepEqual(await bench.world.runs.waitForEnd(done.runId, longMs), await bench.row(done.runId));
    deepEqual(await bench.world.runs.waitForEnd(parked.runId, longMs), await bench.row(parked.runId));
  }),
  scenario("X2: waiters in every process hear of the end of a run", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const waits = [bench.world, second, second].map((world) => world.runs.waitForEnd(driver.runId, longMs));
    await driver.decide(stepCreated("step_a"));
    await driver.decide(runCompleted());
    for (const run of await Promise.all(waits)) equal(run?.status, "completed");
  }),
  scenario("waiters hear of a cancellation by another process", async (bench) => {
    const run = await bench.create();
    const wait = bench.world.runs.waitForEnd(run.runId, longMs);
    written(await (await bench.fixture.second()).log.append(run.runId, cancelled()));
    equal((await wait)?.status, "cancelled");
  }),
  scenario("waiters hear that a run is parked", async (bench) => {
    const driver = await bench.drive();
    const wait = (await bench.fixture.second()).runs.waitForEnd(driver.runId, longMs);
    equal(await bench.world.park(driver.runId, driver.epoch, parking), true);
    equal((await wait)?.parked?.reason, "diverged");
  }),
  scenario("waiting goes on while the run does", async (bench) => {
    const driver = await bench.drive();
    let isOver = false;
    const wait = bench.world.runs.waitForEnd(driver.runId, longMs).then((run) => {
      isOver = true;
      return run;
    });
    for (let index = 0; index < 5; index += 1) {
      await driver.decide(stepCreated(`step_${index}`));
      await new Promise(setImmediate);
      equal(isOver, false);
    }
    await driver.decide(runCompleted());
    equal((await wait)?.status, "completed");
  }),
  scenario("waiting ends with the run as it is when the time is over", async (bench) => {
    const driver = await bench.drive();
    const run = await bench.world.runs.waitForEnd(driver.runId, 20);
    deepEqual(run, await bench.row(driver.runId));
    equal(run?.status, "running");
  }),
  scenario("waiting for an unknown run is null at once", async (bench) => {
    equal(await bench.world.runs.waitForEnd("wrun_unknown", longMs), null);
  }),
];

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

export const runGroup: ConformanceGroup = { subject: "runs", cases: creation };
export const listGroup: ConformanceGroup = { subject: "lists", cases: lists };
export const waitGroup: ConformanceGroup = { subject: "waiting", cases: waiting };
export const parkGroup: ConformanceGroup = { subject: "parking", cases: parkingCases };
export const storeGroup: ConformanceGroup = { subject: "store", cases: others };
