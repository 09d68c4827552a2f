/** X4, L5: creation, by a client and by a worker that has run the first turn already. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { CreateRequest } from "../world.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  bytes,
  cancelled,
  createRequest,
  type DecisionDraft,
  hookCreated,
  runCompleted,
  runStarted,
  sleepFor,
  stepCreated,
  text,
  tokenHash,
} from "./requests.ts";
import { TestDriver, written } from "./test-driver.ts";

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

export const createGroup: ConformanceGroup = { subject: "creation", cases: creation };
