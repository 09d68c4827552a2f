/** D1, Q, S3: who drives a run, and how it changes hands. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { endedShownMs } from "../claim-rules.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  cancelled,
  hookCreated,
  leaseMs,
  received,
  runCompleted,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  worker,
  workflowId,
} from "./requests.ts";
import { written } from "./test-driver.ts";

const nextWakeAt = async (bench: Bench, workflows: readonly string[] = [workflowId]) =>
  (await bench.world.claims.claim({ worker: worker("idle", workflows), max: 0 })).nextWakeAt;

const parking = { reason: "diverged", detail: "The code asked for another step.", position: 2 } as const;

const claiming = [
  scenario("Q1: a run that a client created is due at once", async (bench) => {
    const run = await bench.create();
    equal(run.wakeAt, bench.now);
    equal(await nextWakeAt(bench), bench.now);
    const driver = await bench.claim("w1");
    const row = await bench.row(run.runId);
    deepEqual([driver.runId, driver.epoch, row.owner, row.epoch, row.status], [run.runId, 1, "w1", 1, "pending"]);
  }),
  scenario("D1: the epoch rises by one with each claim", async (bench) => {
    const { runId } = await bench.create();
    for (const epoch of [1, 2, 3]) {
      const driver = await bench.claim("w1");
      deepEqual([driver.runId, driver.epoch], [runId, epoch]);
      await bench.rest(driver, bench.now);
      equal((await bench.row(runId)).epoch, epoch);
    }
  }),
  scenario("D2: nobody else takes a run while its worker lives", async (bench) => {
    await bench.drive("w1");
    bench.advance(leaseMs - 1);
    deepEqual(await bench.claimable("w2"), []);
    deepEqual(await bench.claimable("w1"), []);
  }),
  scenario("D2: two processes that claim at once share the runs without overlap", async (bench) => {
    const runs = new Set<string>();
    for (let index = 0; index < 40; index += 1) runs.add((await bench.create()).runId);
    const worlds = [bench.world, await bench.fixture.second()];
    await Promise.all(worlds.map((world, index) => bench.beat(`w${index}`, world)));
    const claims = Array.from({ length: 12 }, (_, index) =>
      worlds[index % 2]?.claims.claim({ worker: worker(`w${index % 2}`), max: 5 }),
    );
    const claimed = (await Promise.all(claims)).flatMap((result) => result?.runs ?? []);
    equal(claimed.length, 40);
    deepEqual(new Set(claimed.map(({ run }) => run.runId)), runs);
    ok(claimed.every(({ epoch, run }) => epoch === 1 && run.epoch === 1));
  }),
  scenario("a worker takes only the workflows that it knows", async (bench) => {
    const ours = await bench.create({ workflowId: "workflow//a.ts//a" });
    const other = await bench.create({ workflowId: "workflow//b.ts//b" });
    deepEqual(await bench.claimable("w1", 10, ["workflow//c.ts//c"]), []);
    deepEqual(await bench.claimable("w1", 10, []), []);
    deepEqual(await bench.claimable("w1", 10, ["workflow//a.ts//a", "workflow//c.ts//c"]), [ours.runId]);
    equal(await nextWakeAt(bench, ["workflow//a.ts//a"]), null);
    deepEqual(await bench.claimable("w1", 10, ["workflow//b.ts//b"]), [other.runId]);
  }),
  scenario("of the runs that hints name only those are taken that any claim could take", async (bench) => {
    const due = await bench.create();
    const driven = await bench.create();
    const asleep = await bench.create();
    const parked = await bench.create();
    const other = await bench.create({ workflowId: "workflow//b.ts//b" });
    const ended = await bench.create();
    await bench.beat("w1");
    const { claims } = bench.world;
    const claim = async (id: string, hinted: readonly string[]) =>
      (await claims.claim({ worker: worker(id), max: 10, hinted })).runs;
    const others = await claim("w1", []);
    for (const { run, epoch } of others) {
      const wakeAt = run.runId === due.runId ? bench.now : bench.now + 5_000;
      if (run.runId === parked.runId) await bench.world.park(run.runId, epoch, parking);
      else if (run.runId !== driven.runId) await claims.release(run.runId, { epoch, ifTail: run.tail, wakeAt });
    }
    written(await bench.world.log.append(ended.runId, cancelled()));
    await bench.beat("w2");
    const hinted = [due, driven, asleep, parked, other, ended].map(({ runId }) => runId);
    const taken = await claim("w2", [...hinted, "wrun_unknown"]);
    deepEqual(
      taken.map(({ run, epoch }) => [run.runId, run.owner, epoch]),
      [[due.runId, "w2", 2]],
    );
    deepEqual(await claim("w2", hinted), []);
  }),
  scenario("D2: two processes that are told of the same runs share them without overlap", async (bench) => {
    const runIds: string[] = [];
    for (let index = 0; index < 10; index += 1) runIds.push((await bench.create()).runId);
    const worlds = [bench.world, await bench.fixture.second()];
    await Promise.all(worlds.map((world, index) => bench.beat(`w${index}`, world)));
    const claimed = await Promise.all(
      worlds.map((world, index) => world.claims.claim({ worker: worker(`w${index}`), max: 10, hinted: runIds })),
    );
    const taken = claimed.flatMap(({ runs }) => runs.map(({ run }) => run.runId));
    const left = await bench.claimable("w0");
    deepEqual([...taken, ...left].toSorted(), runIds.toSorted());
  }),
  scenario("a lost worker's runs go only to workers that know them", async (bench) => {
    const run = await bench.create();
    await bench.claim("w1");
    bench.expire();
    deepEqual(await bench.claimable("w2", 10, ["workflow//c.ts//c"]), []);
    deepEqual(await bench.claimable("w2"), [run.runId]);
  }),
  scenario("a worker takes no more than it asks for, and hears that there is more", async (bench) => {
    for (let index = 0; index < 5; index += 1) await bench.create();
    await bench.beat("w1");
    const { runs, nextWakeAt: next } = await bench.world.claims.claim({ worker: worker("w1"), max: 3 });
    equal(runs.length, 3);
    ok(next !== null && next <= bench.now);
    equal((await bench.claimable("w1")).length, 2);
    equal(await nextWakeAt(bench), null);
  }),
  scenario("the run that has been due longest comes first", async (bench) => {
    const late = await bench.drive();
    const early = await bench.drive();
    const middle = await bench.drive();
    await bench.rest(late, bench.now + 300);
    await bench.rest(early, bench.now + 100);
    await bench.rest(middle, bench.now + 200);
    bench.advance(1_000);
    const order: string[] = [];
    for (const id of ["w1", "w2", "w3"]) order.push(...(await bench.claimable(id, 1)));
    deepEqual(order, [early.runId, middle.runId, late.runId]);
  }),
  scenario("Q: the backlog of one workflow keeps no other workflow waiting", async (bench) => {
    const workflows = ["workflow//a.ts//a", "workflow//b.ts//b", "workflow//c.ts//c"] as const;
    const create = async (id: string) => (await bench.create({ workflowId: id })).runId;
    const backlog: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      backlog.push(await create(workflows[0]));
      bench.advance(1);
    }
    bench.advance(1_000);
    const others = [await create(workflows[1]), await create(workflows[1]), await create(workflows[2])];
    const taken = await bench.claimable("w1", 6, workflows);
    ok(taken.length <= 6);
    for (const runId of [backlog[0], ...others]) ok(runId !== undefined && taken.includes(runId));
    // What is left is told, and taken in the end.
    for (let left = 15 - taken.length; left > 0; left = 15 - taken.length) {
      ok(((await nextWakeAt(bench, workflows)) ?? Number.POSITIVE_INFINITY) <= bench.now);
      const more = await bench.claimable("w1", 6, workflows);
      ok(more.length > 0, `${left} runs are due`);
      taken.push(...more);
    }
    deepEqual(taken.toSorted(), [...backlog, ...others].toSorted());
  }),
  scenario("T3: a run is due at its moment, not before", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(sleepFor("wait_a", 5_000));
    await bench.rest(driver, bench.now + 5_000);
    equal(await nextWakeAt(bench), bench.now + 5_000);
    bench.advance(4_999);
    deepEqual(await bench.claimable("w2"), []);
    bench.advance(1);
    deepEqual(await bench.claimable("w2"), [driver.runId]);
  }),
  scenario(
    "T3: overdue runs are due after any outage",
    async (bench) => {
      const driver = await bench.drive();
      await bench.rest(driver, bench.now + 1_000);
      bench.advance(86_400_000);
      await bench.fixture.restart();
      deepEqual(await bench.claimable("w2"), [driver.runId]);
    },
    "restart",
  ),
  scenario(
    "D1: a claim outlives the process's connection to the store",
    async (bench) => {
      const driver = await bench.drive();
      await bench.fixture.restart();
      deepEqual(await bench.claimable("w2"), []);
      const again = bench.world.log.append(driver.runId, driver.request({ decisions: [stepCreated("step_a")] }));
      written(await again);
    },
    "restart",
  ),
  scenario("an ended run is never due", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(runCompleted());
    const idle = await bench.create();
    written(await bench.world.log.append(idle.runId, cancelled()));
    bench.expire();
    deepEqual(await bench.claimable("w2"), []);
    equal(await nextWakeAt(bench), null);
  }),
];

const polling = [
  scenario("a poll shows a run to which somebody else wrote", async (bench) => {
    const driver = await bench.drive("w1");
    const quiet = await bench.drive("w1");
    await driver.decide(hookCreated("hook_a", "t"));
    await quiet.decide(stepCreated("step_a"));
    deepEqual(await bench.world.claims.poll("w1"), []);
    const second = await bench.fixture.second();
    written(await second.log.append(driver.runId, received("hook_a", "payload", "k")));
    const expected = { runId: driver.runId, epoch: 1, tail: 4, status: "running" };
    deepEqual(plain(await bench.world.claims.poll("w1")), [expected]);
    deepEqual(plain(await bench.world.claims.poll("w1")), [expected]);
    deepEqual(await bench.world.claims.poll("w2"), []);
  }),
  scenario("a poll is quiet again after the driver's next append", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(hookCreated("hook_a", "t"));
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    await driver.decide(stepCreated("step_a"));
    deepEqual(await bench.world.claims.poll("w1"), []);
  }),
  scenario("X2: a poll shows a run that was cancelled under its driver", async (bench) => {
    const driver = await bench.drive("w1");
    written(await bench.world.log.append(driver.runId, cancelled()));
    const expected = { runId: driver.runId, epoch: 1, tail: 3, status: "cancelled" };
    deepEqual(plain(await bench.world.claims.poll("w1")), [expected]);
    deepEqual(plain(await (await bench.fixture.second()).claims.poll("w1")), [expected]);
    deepEqual(await bench.world.claims.poll("w2"), []);
    bench.advance(endedShownMs - 1);
    deepEqual(plain(await bench.world.claims.poll("w1")), [expected]);
    bench.advance(1);
    deepEqual(await bench.world.claims.poll("w1"), []);
  }),
  scenario("Q1: a worker whose answers were lost can ask for everything that it holds", async (bench) => {
    for (let count = 0; count < 3; count += 1) await bench.create();
    const mine = [await bench.claim("w1"), await bench.claim("w1")].map(({ runId }) => runId).sort();
    await bench.claim("w2");
    const held = plain(await bench.world.claims.poll("w1", "held")) as { readonly runId: string }[];
    deepEqual(held.map(({ runId }) => runId).sort(), mine);
    for (const { runId } of held) {
      deepEqual(
        held.find((run) => run.runId === runId),
        { runId, epoch: 1, tail: 1, status: "pending" },
      );
    }
    deepEqual(await bench.world.claims.poll("w1"), []);
    deepEqual(await bench.world.claims.poll("w3", "held"), []);
  }),
  scenario("a poll does not show what the worker itself ended, nor what nobody held", async (bench) => {
    const driver = await bench.drive("w1");
    const idle = await bench.drive("w1");
    await driver.decide(runCompleted());
    await bench.rest(idle);
    written(await bench.world.log.append(idle.runId, cancelled()));
    deepEqual(await bench.world.claims.poll("w1"), []);
  }),
];

const plain = <T extends object>(items: readonly T[]): T[] => items.map((item) => ({ ...item }));

const releasing = [
  scenario("D5: a release sets when the run is due", async (bench) => {
    const driver = await bench.drive();
    await bench.rest(driver, bench.now + 500);
    const row = await bench.row(driver.runId);
    deepEqual([row.owner, row.wakeAt, row.epoch, row.tail], [null, bench.now + 500, 1, 2]);
  }),
  scenario("D5: a release without a moment leaves the run to outside events", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    await bench.rest(driver);
    bench.expire();
    deepEqual(await bench.claimable("w2"), []);
    equal(await nextWakeAt(bench), null);
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    equal(await nextWakeAt(bench), bench.now);
    deepEqual(await bench.claimable("w2"), [driver.runId]);
  }),
  scenario("D3: a release is refused when the log has moved, and the claim stays", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    const { runId, epoch, tail } = driver;
    await bench.untouched(runId, async () => {
      equal(await bench.world.claims.release(runId, { epoch, ifTail: tail, wakeAt: null }), "moved");
    });
    await driver.catchUp();
    await bench.rest(driver);
  }),
  scenario("a release that is sent again succeeds again and changes nothing", async (bench) => {
    const driver = await bench.drive();
    await bench.rest(driver, bench.now + 500);
    await bench.untouched(driver.runId, () => bench.rest(driver, bench.now + 900));
  }),
  scenario("Q1: a release that is sent again does not undo what others did meanwhile", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(hookCreated("hook_a", "t"));
    await bench.rest(driver);
    const { runId, epoch, tail } = driver;
    const again = () => bench.world.claims.release(runId, { epoch, ifTail: tail, wakeAt: null });
    written(await bench.world.log.append(runId, received("hook_a", "payload", "k")));
    equal(await bench.untouched(runId, again), "fenced");
    await bench.claim("w2");
    equal(await bench.untouched(runId, again), "fenced");
  }),
  scenario("a release of an unknown run is fenced", async (bench) => {
    equal(await bench.world.claims.release("wrun_unknown", { epoch: 1, ifTail: 1, wakeAt: null }), "fenced");
  }),
  scenario("D5: an append can end the claim in the same commit", async (bench) => {
    const driver = await bench.drive("w1");
    const reply = await driver.append({ decisions: [hookCreated("hook_a", "t")], release: { wakeAt: bench.now + 40 } });
    equal(reply.released, true);
    const row = await bench.row(driver.runId);
    deepEqual([row.owner, row.wakeAt], [null, bench.now + 40]);
    bench.advance(40);
    equal((await bench.claim("w2")).epoch, 2);
  }),
  scenario("Q1: it takes the earliest of the given moment and of its own new waits", async (bench) => {
    const moments: [given: number | null, expected: number][] = [
      [null, 100],
      [50, 50],
      [300, 100],
    ];
    for (const [given, expected] of moments) {
      const driver = await bench.drive();
      const base = bench.now;
      const decisions = [sleepFor("wait_a", 200), sleepUntil("wait_b", base + 100)];
      await driver.append({ decisions, release: { wakeAt: given === null ? null : base + given } });
      equal((await bench.row(driver.runId)).wakeAt, base + expected);
    }
  }),
  scenario("Q1: it keeps the claim when somebody wrote what the driver has not seen", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(hookCreated("hook_a", "t"));
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    const reply = await driver.append({ decisions: [stepCreated("step_a")], release: { wakeAt: null } });
    deepEqual([reply.released, reply.events.map((event) => event.type)], [false, ["hook_received", "step_created"]]);
    equal((await bench.row(driver.runId)).owner, "w1");
    await driver.facts(stepCompleted("step_a"));
  }),
  scenario("Q1: an outside event does not take a claimed run from its driver", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(hookCreated("hook_a", "t"));
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    deepEqual(await bench.claimable("w2"), []);
  }),
  scenario("Q1: a run that was given back is due again when its worker is long gone", async (bench) => {
    const run = await bench.create();
    const driver = await bench.claim("w1");
    await driver.append({ facts: [runStarted()], release: { wakeAt: bench.now + 1 } });
    await bench.world.claims.retire("w1");
    bench.advance(1);
    deepEqual(await bench.claimable("w2"), [run.runId]);
  }),
];

export const claimGroup: ConformanceGroup = {
  subject: "claims",
  cases: [...claiming, ...polling, ...releasing],
};
