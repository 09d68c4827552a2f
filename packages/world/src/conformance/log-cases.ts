/** L: the log as it is read and written. */
import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { WorkflowRunNotFoundError } from "@perdure/errors";
import type { LogEvent } from "../events.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  bytes,
  cancelled,
  createRequest,
  fact,
  hookCreated,
  received,
  runCompleted,
  runStarted,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  text,
  tokenHash,
} from "./requests.ts";
import { written } from "./test-driver.ts";

/** A run with a few events of several kinds: positions 1 to 7. */
async function richRun(bench: Bench) {
  const driver = await bench.drive();
  await driver.decide(stepCreated("step_a"), hookCreated("hook_a", "t"), sleepUntil("wait_a", bench.now + 5_000));
  await driver.facts(stepCompleted("step_a"));
  written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k1")));
  await driver.catchUp();
  return driver;
}

const order = [
  scenario("L1: positions are dense from 1 over several appends", async (bench) => {
    const driver = await richRun(bench);
    const positions = (await bench.log(driver.runId)).map((event) => event.position);
    deepEqual(positions, [1, 2, 3, 4, 5, 6, 7]);
  }),
  scenario("L1: a log is the same in pages of any size", async (bench) => {
    const { runId } = await richRun(bench);
    const whole = await bench.world.log.read(runId, { after: 0, limit: 1_000 });
    for (const limit of [1, 2, 3, 6, 7, 8]) {
      const paged: LogEvent[] = [];
      for (let after = 0; after < 7; after += limit) {
        const page = await bench.world.log.read(runId, { after, limit });
        equal(page.length, Math.min(limit, 7 - after));
        paged.push(...page);
      }
      deepEqual(paged, whole);
    }
  }),
  scenario("L1: nothing stands after the tail, nor in the log of an unknown run", async (bench) => {
    const { runId } = await richRun(bench);
    deepEqual(await bench.world.log.read(runId, { after: 7, limit: 10 }), []);
    deepEqual(await bench.world.log.read(runId, { after: 100, limit: 10 }), []);
    deepEqual(await bench.world.log.read("wrun_unknown", { after: 0, limit: 10 }), []);
  }),
  scenario("L1: whoever reads while others write sees a prefix", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const reads: Promise<readonly LogEvent[]>[] = [];
    for (let index = 0; index < 20; index += 1) {
      const writing = driver.decide(stepCreated(`step_${index}`), sleepUntil(`wait_${index}`, bench.now));
      reads.push(second.log.read(driver.runId, { after: 0, limit: 1_000 }));
      await writing;
    }
    const whole = await bench.log(driver.runId);
    for (const seen of await Promise.all(reads)) {
      deepEqual(seen, whole.slice(0, seen.length));
      equal(seen.length % 2, 0, "no append is seen in part");
    }
  }),
  scenario("L4: one append keeps its order, facts before decisions", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
    const more = Array.from({ length: 50 }, (_, index) => stepCreated(`step_more${index}`));
    await driver.append({ facts: [stepCompleted("step_b"), stepCompleted("step_a")], decisions: more });
    const ids = (await bench.log(driver.runId)).slice(4).map((event) => event.correlationId);
    deepEqual(ids, ["step_b", "step_a", ...more.map((_, index) => `step_more${index}`)]);
  }),
  scenario("L4: an append whose last event is refused writes none of the others", async (bench) => {
    const driver = await bench.drive();
    const result = await bench.untouched(driver.runId, () =>
      driver.try({ decisions: [stepCreated("step_a"), hookCreated("hook_a", "t"), stepCreated("step_a")] }),
    );
    equal(result.kind, "refused");
    equal(await bench.world.hooks.find(tokenHash("t")), null);
    await driver.decide(stepCreated("step_a"), hookCreated("hook_a", "t"));
  }),
  scenario("an append to an unknown run is a typed error", async (bench) => {
    const request = received("hook_a", "payload", "k");
    await rejects(bench.world.log.append("wrun_unknown", request), (error) => WorkflowRunNotFoundError.is(error));
  }),
];

const content = [
  scenario("L3: payloads of every length come back byte for byte", async (bench) => {
    const driver = await bench.drive();
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const mebibyte = new Uint8Array(1024 * 1024).map((_, index) => index * 31);
    const window = new Uint8Array(all.buffer, 10, 20);
    const payloads = [new Uint8Array(0), Uint8Array.of(0), all, window, Buffer.from(all), mebibyte, null];
    await driver.decide(...payloads.map((_, index) => stepCreated(`step_${index}`)));
    const facts = payloads.map((payload, index) =>
      fact("step_completed", `step_${index}`, { attempt: 1, delivery: 1 }, payload),
    );
    const reply = await driver.append({ facts });
    const read = (await bench.log(driver.runId)).slice(-payloads.length);
    for (const events of [reply.events, read]) {
      for (const [index, payload] of payloads.entries()) {
        const found = events[index]?.payload ?? null;
        equal(found === null, payload === null, `payload ${index}: none and empty are told apart`);
        if (found !== null && payload !== null) equal(Buffer.compare(found, payload), 0, `payload ${index}`);
      }
    }
  }),
  scenario("L3: what a caller does to a payload after the call is not seen", async (bench) => {
    const input = bytes("input");
    const driver = await bench.drive("w1", { input });
    input.fill(0);
    await driver.decide(stepCreated("step_a"));
    const result = bytes("result");
    await driver.facts(fact("step_completed", "step_a", { attempt: 1, delivery: 1 }, result));
    result.fill(0);
    const request = received("hook_a", "payload", "k");
    await driver.decide(hookCreated("hook_a", "t"));
    await bench.world.log.append(driver.runId, request);
    request.fact.payload?.fill(0);
    const payloads = (await bench.log(driver.runId)).map((event) => text(event.payload));
    deepEqual(payloads, ["input", null, "args of step_a", "result", "metadata", "payload"]);
  }),
  scenario("L3: what a reader does to a payload is not seen by others", async (bench) => {
    const driver = await richRun(bench);
    const before = JSON.stringify(await bench.log(driver.runId));
    for (const event of await bench.log(driver.runId)) event.payload?.fill(0);
    for (const event of driver.log) event.payload?.fill(0);
    equal(JSON.stringify(await bench.log(driver.runId)), before);
  }),
  scenario("L3: an event never changes, whatever comes after it", async (bench) => {
    const driver = await richRun(bench);
    const before = await bench.log(driver.runId);
    bench.advance(60_000);
    await driver.decide(stepCreated("step_z"), runCompleted());
    deepEqual((await bench.log(driver.runId)).slice(0, before.length), before);
  }),
  scenario("L3: the data of every kind of event is kept in full", async (bench) => {
    const run = await bench.create({ key: 'order "42" – ключ\n😀' });
    const driver = await bench.claim("w1");
    await driver.facts(runStarted());
    await driver.decide(stepCreated("step_a"), stepCreated("step_b"), sleepUntil("wait_a", bench.now + 7));
    await driver.facts(stepRetrying("step_a", 2, bench.now + 3), stepFailed("step_b"));
    const log = await bench.log(run.runId);
    const created = { ...createRequest(run.runId, { key: run.key }).created, namespace: run.namespace };
    deepEqual(
      log.map(({ type, data }) => ({ type, data: { ...data } })),
      [
        { type: "run_created", data: created },
        { type: "run_started", data: {} },
        ...["step_a", "step_b"].map((id) => ({
          type: "step_created",
          data: { ...stepCreated(id)(driver.cause).data },
        })),
        { type: "wait_created", data: { ordinal: 1, durationMs: null, resumeAt: bench.now + 7 } },
        { type: "step_retrying", data: { attempt: 2, retryAt: bench.now + 3 } },
        { type: "step_failed", data: { attempt: 1, delivery: 1, code: "USER_ERROR" } },
      ],
    );
  }),
  scenario("every event says who wrote it, and when", async (bench) => {
    const driver = await richRun(bench);
    const log = await bench.log(driver.runId);
    deepEqual(
      log.map(({ epoch, key, cause }) => [epoch, key, cause]),
      [
        [null, null, null],
        [1, null, null],
        [1, null, 2],
        [1, null, 2],
        [1, null, 2],
        [1, null, null],
        [null, "k1", null],
      ],
    );
    ok(log.every((event) => event.committedAt === bench.now));
  }),
  scenario(
    "L2: what was acknowledged is there when the store is opened again",
    async (bench) => {
      const driver = await richRun(bench);
      const keyed = await bench.create({ key: "order-42" });
      await bench.world.bundles.put("bndl_1", bytes("code"));
      const before = [await bench.row(driver.runId), await bench.log(driver.runId), await bench.row(keyed.runId)];
      const { incarnation } = await bench.world.describe();
      await bench.fixture.restart();
      deepEqual([await bench.row(driver.runId), await bench.log(driver.runId), await bench.row(keyed.runId)], before);
      equal((await bench.world.describe()).incarnation, incarnation);
      deepEqual(
        { ...(await bench.world.hooks.find(tokenHash("t"))) },
        { runId: driver.runId, correlationId: "hook_a", position: 4 },
      );
      equal(text(await bench.world.bundles.get("bndl_1")), "code");
      const again = await bench.world.runs.create(createRequest(bench.newRunId(), { key: "order-42" }));
      equal(again.kind === "existing" ? again.run.runId : again.kind, keyed.runId);
    },
    "restart",
  ),
];

const repetition = [
  scenario("L5: a driver's append that is sent again is answered with the original", async (bench) => {
    const driver = await bench.drive();
    const request = driver.request({ decisions: [stepCreated("step_a"), stepCreated("step_b")] });
    const first = written(await driver.send(request));
    const second = await bench.untouched(driver.runId, async () => written(await driver.send(request)));
    deepEqual(second, first);
  }),
  scenario("L5: sent again, it also shows what others wrote since", async (bench) => {
    const driver = await bench.drive();
    const request = driver.request({ decisions: [hookCreated("hook_a", "t")] });
    await driver.send(request);
    await bench.world.log.append(driver.runId, received("hook_a", "payload", "k"));
    const again = written(await driver.send(request));
    deepEqual(
      again.events.map((event) => event.type),
      ["hook_created", "hook_received"],
    );
    equal(again.tail, 4);
  }),
  scenario("L5: the append that ended the run is answered with the original too", async (bench) => {
    const driver = await bench.drive();
    const request = driver.request({ decisions: [runCompleted()] });
    const first = written(await driver.send(request));
    equal(first.released, true);
    deepEqual(await bench.untouched(driver.runId, async () => written(await driver.send(request))), first);
  }),
  scenario("L5: an append with a release is answered with the original too", async (bench) => {
    const driver = await bench.drive();
    const request = driver.request({ decisions: [sleepUntil("wait_a", bench.now + 50)], release: { wakeAt: null } });
    const first = written(await driver.send(request));
    deepEqual(await bench.untouched(driver.runId, async () => written(await driver.send(request))), first);
  }),
  scenario("L5: an append that was written before a cancellation is still acknowledged", async (bench) => {
    const driver = await bench.drive();
    const request = driver.request({ decisions: [stepCreated("step_a")] });
    await driver.send(request);
    written(await bench.world.log.append(driver.runId, cancelled()));
    const again = written(await bench.untouched(driver.runId, () => driver.send(request)));
    deepEqual(
      again.events.map((event) => event.type),
      ["step_created", "run_cancelled"],
    );
    equal(again.released, true);
  }),
  scenario("L5: only the newest append of a claim is answered again; an older number is fenced", async (bench) => {
    const driver = await bench.drive();
    const old = driver.request({ decisions: [stepCreated("step_a")] });
    await driver.send(old);
    await driver.decide(stepCreated("step_b"));
    equal((await bench.untouched(driver.runId, () => driver.send(old))).kind, "fenced");
  }),
  scenario("L5: a refused append does not use up its number", async (bench) => {
    const driver = await bench.drive();
    const refused = driver.request({ facts: [stepCompleted("step_unknown")] });
    equal((await driver.send(refused)).kind, "refused");
    const other = { ...refused, facts: [], decisions: [stepCreated("step_a")(driver.cause)] };
    equal((await driver.send(other)).kind, "appended");
  }),
  scenario("L5: a payload that is sent again under its key is one event", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const first = written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    await driver.catchUp();
    await driver.decide(stepCreated("step_a"));
    const second = await sendAgain(bench, driver.runId, "k");
    deepEqual(second.events, first.events);
    equal(second.tail, 5);
  }),
  scenario("L5: sent again after the run ended, it is still answered with the original", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const first = written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    await driver.catchUp();
    await driver.decide(runCompleted());
    const second = await sendAgain(bench, driver.runId, "k");
    deepEqual(second.events, first.events);
    const late = await bench.world.log.append(driver.runId, received("hook_a", "payload", "another key"));
    equal(late.kind, "refused");
  }),
  scenario("L5: keys belong to their run", async (bench) => {
    const first = await bench.drive();
    const second = await bench.drive();
    await first.decide(hookCreated("hook_a", "t1"));
    await second.decide(hookCreated("hook_a", "t2"));
    for (const { runId } of [first, second]) {
      const reply = written(await bench.world.log.append(runId, received("hook_a", runId, "k")));
      equal(text(reply.events[0]?.payload), runId);
    }
  }),
  scenario("L5: one key from two processes at once is one event", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const worlds = [bench.world, await bench.fixture.second(), bench.world];
    const replies = await Promise.all(
      worlds.map((world) => world.log.append(driver.runId, received("hook_a", "payload", "k"))),
    );
    deepEqual(new Set(replies.map((reply) => written(reply).events[0]?.position)), new Set([4]));
    equal((await bench.row(driver.runId)).tail, 4);
  }),
  scenario(
    "L5: repetition is recognised after the store was opened again",
    async (bench) => {
      const driver = await bench.drive();
      const request = driver.request({ decisions: [hookCreated("hook_a", "t")] });
      const first = written(await driver.send(request));
      written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
      await bench.fixture.restart();
      const again = written(await bench.world.log.append(driver.runId, request));
      deepEqual(again.events[0], first.events[0]);
      equal((await sendAgain(bench, driver.runId, "k")).events[0]?.position, 4);
      notEqual(again.tail, 5);
    },
    "restart",
  ),
];

/** Sends the payload of `hook_a` again by another process. */
async function sendAgain(bench: Bench, runId: string, key: string) {
  const second = await bench.fixture.second();
  return written(await bench.untouched(runId, () => second.log.append(runId, received("hook_a", "payload", key))));
}

export const logGroup: ConformanceGroup = { subject: "log", cases: [...order, ...content, ...repetition] };
