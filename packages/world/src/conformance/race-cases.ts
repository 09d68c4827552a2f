/** D2, D3, X1: several writers at once, in every order. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { AppendResult } from "../append.ts";
import { readLog } from "./audit.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  cancelled,
  hookCreated,
  received,
  runCompleted,
  runFailed,
  stepCompleted,
  stepCreated,
  stepStarted,
  worker,
} from "./requests.ts";
import { type TestDriver, written } from "./test-driver.ts";

type Script = readonly (() => Promise<unknown>)[];

/** Every way to run two scripts, each in its own order. */
function* interleavings(a: number, b: number): Generator<string> {
  if (a === 0 || b === 0) {
    yield "a".repeat(a) + "b".repeat(b);
    return;
  }
  for (const rest of interleavings(a - 1, b)) yield `a${rest}`;
  for (const rest of interleavings(a, b - 1)) yield `b${rest}`;
}

/** Runs two scripts of these lengths in every order, each order on a run of its own, and checks the run after each. */
async function inEveryOrder(
  bench: Bench,
  lengths: readonly [number, number],
  scripts: (driver: TestDriver) => readonly [Script, Script],
  check: (runId: string, order: string) => Promise<void>,
): Promise<number> {
  let orders = 0;
  for (const order of interleavings(...lengths)) {
    const driver = await bench.drive("first");
    await driver.decide(stepCreated("step_a"), hookCreated("hook_a", driver.runId));
    const [a, b] = scripts(driver);
    deepEqual([a.length, b.length], lengths);
    const left = { a: [...a], b: [...b] };
    for (const turn of order) await left[turn as "a" | "b"].shift()?.();
    await check(driver.runId, order);
    // No later claim of this case is to find the run.
    await bench.world.log.append(driver.runId, cancelled("the end"));
    orders += 1;
  }
  return orders;
}

/** The terminal events of a run, as every process sees them. */
async function endsOf(bench: Bench, runId: string): Promise<string[]> {
  const worlds = [bench.world, await bench.fixture.second()];
  const [mine, theirs] = await Promise.all(worlds.map((world) => readLog(world, runId)));
  deepEqual(mine, theirs, "all processes see one log");
  return (mine ?? []).flatMap(({ type }) => (/^run_(completed|failed|cancelled)$/.test(type) ? [type] : []));
}

const drivers = [
  scenario(
    "D2: a driver and its successor, in every order, write what one driver could have written",
    async (bench) => {
      const second = await bench.fixture.second();
      const scripts = (stale: TestDriver): readonly [Script, Script] => {
        let next: TestDriver | undefined;
        const takeOver = async () => {
          await bench.world.claims.retire("first");
          next = await bench.claim("second", second);
        };
        return [
          [
            () => stale.try({ facts: [stepCompleted("step_a", "stale")] }),
            () => stale.try({ decisions: [stepCreated("step_b")] }),
            () => stale.try({ decisions: [runCompleted("stale")] }),
          ],
          [
            takeOverIfLive(bench, stale.runId, takeOver),
            async () => next?.try({ facts: [stepStarted("step_a", 2)] }),
            async () => next?.try({ facts: [stepCompleted("step_a", "next", 1, 2)] }),
            async () => next?.try({ decisions: [runCompleted("next")] }),
          ],
        ];
      };
      const orders = await inEveryOrder(bench, [3, 4], scripts, async (runId, order) => {
        const log = await bench.log(runId);
        equal(log.filter((event) => event.type === "step_completed").length, 1, `${order}: the step completed once`);
        deepEqual(await endsOf(bench, runId), ["run_completed"], order);
        const epochs = log.map((event) => event.epoch ?? 0);
        deepEqual(epochs, epochs.toSorted(), `${order}: a fenced driver wrote after its successor`);
      });
      equal(orders, 35);
    },
  ),
  scenario("X1: cancel and completion, in every order: exactly one wins", async (bench) => {
    const second = await bench.fixture.second();
    const scripts = (driver: TestDriver): readonly [Script, Script] => [
      [() => driver.try({ facts: [stepCompleted("step_a")] }), () => driver.try({ decisions: [runCompleted()] })],
      [() => second.log.append(driver.runId, cancelled()), () => second.log.append(driver.runId, cancelled())],
    ];
    const seen = new Set<string>();
    await inEveryOrder(bench, [2, 2], scripts, async (runId, order) => {
      const ends = await endsOf(bench, runId);
      equal(ends.length, 1, order);
      seen.add(ends[0] ?? "");
    });
    deepEqual([...seen].toSorted(), ["run_cancelled", "run_completed"]);
  }),
  scenario(
    "D3: a driver with a tail to compare against a sender, in every order",
    async (bench) => {
      const second = await bench.fixture.second();
      const scripts = (driver: TestDriver): readonly [Script, Script] => [
        [
          () => driver.try({ facts: [{ ...stepCompleted("step_a"), at: bench.now }], ifTail: driver.tail }),
          () => driver.try({ decisions: [stepCreated("step_b")] }),
        ],
        [
          () => second.log.append(driver.runId, received("hook_a", "1", "k1")),
          () => second.log.append(driver.runId, received("hook_a", "2", "k2")),
          () => second.log.append(driver.runId, received("hook_a", "1", "k1")),
        ],
      ];
      await inEveryOrder(bench, [2, 3], scripts, async (runId, order) => {
        const types = await bench.types(runId);
        const completed = types.indexOf("step_completed");
        const isFirst = order.startsWith("a");
        equal(completed >= 0, isFirst, `${order}: with the tail moved, nothing is written`);
        equal(types.filter((type) => type === "hook_received").length, 2, order);
      });
    },
    "compareAndAppend",
  ),
];

/** A takeover of a run that may have ended by then, when there is nothing to take. */
const takeOverIfLive = (bench: Bench, runId: string, takeOver: () => Promise<void>) => async () => {
  const { endedAt } = await bench.row(runId);
  if (endedAt === null) await takeOver();
};

const lost = [
  scenario(
    "D3: an append that moved shows what the driver had not seen",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(hookCreated("hook_a", "t"), stepCreated("step_a"));
      written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
      const facts = [{ ...stepCompleted("step_a"), at: bench.now }];
      const result = await bench.untouched(driver.runId, () => driver.try({ facts, ifTail: driver.tail }));
      ok(result.kind === "moved");
      deepEqual(
        [result.tail, result.storeNow, result.events.map((event) => event.type)],
        [5, bench.now, ["hook_received"]],
      );
      written(await driver.try({ facts, ifTail: driver.tail }));
    },
    "compareAndAppend",
  ),
  scenario(
    "D1: a driver whose tail is ahead of the log is refused, however often it asks",
    async (bench) => {
      const driver = await bench.drive();
      const { tail } = driver;
      for (const ifTail of [tail + 1, tail + 2]) {
        const asked = () => driver.try({ decisions: [stepCreated("step_a")], ifTail });
        const result = await bench.untouched(driver.runId, asked);
        deepEqual(result, { kind: "refused", reason: { kind: "ahead", tail } });
      }
      written(await driver.try({ decisions: [stepCreated("step_a")], ifTail: tail }));
    },
    "compareAndAppend",
  ),
  scenario("an append with no tail to compare is written, whatever was written before", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"), stepCreated("step_a"));
    written(await bench.world.log.append(driver.runId, received("hook_a", "payload", "k")));
    const reply = await driver.facts(stepCompleted("step_a"));
    deepEqual(
      reply.events.map((event) => event.type),
      ["hook_received", "step_completed"],
    );
  }),
  scenario(
    "D3: an acknowledgement that was lost before a takeover: the driver is fenced, its append stands",
    async (bench) => {
      const driver = await bench.drive("w1");
      const request = driver.request({ decisions: [stepCreated("step_a")] });
      written(await driver.send(request));
      bench.expire();
      const next = await bench.claim("w2");
      equal((await bench.untouched(driver.runId, () => driver.send(request))).kind, "fenced");
      equal(next.log.at(-1)?.type, "step_created");
      await next.facts(stepStarted("step_a", 2), stepCompleted("step_a", "result", 1, 2));
    },
  ),
  scenario("Q5: a sender that never pauses does not keep a driver from going on", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"), stepCreated("step_0"));
    let sent = 0;
    const send = async () => {
      sent += 1;
      written(await bench.world.log.append(driver.runId, received("hook_a", `${sent}`, `k${sent}`)));
    };
    for (let turn = 0; turn < 10; turn += 1) {
      await send();
      // Facts by epoch alone, then decisions by epoch alone: two commits a turn, whatever is written between them.
      const facts = await driver.facts(stepCompleted(`step_${turn}`));
      deepEqual(
        facts.events.map((event) => event.type),
        ["hook_received", "step_completed"],
      );
      await send();
      const decisions = await driver.decide(stepCreated(`step_${turn + 1}`));
      deepEqual(
        decisions.events.map((event) => event.type),
        ["hook_received", "step_created"],
      );
    }
    await driver.decide(runCompleted());
    equal((await bench.types(driver.runId)).filter((type) => type === "hook_received").length, 20);
  }),
];

const together = [
  scenario("X1: cancel and completion from two processes at once: all agree", async (bench) => {
    const second = await bench.fixture.second();
    for (let round = 0; round < 10; round += 1) {
      const driver = await bench.drive();
      const complete = () => bench.world.log.append(driver.runId, driver.request({ decisions: [runCompleted()] }));
      const cancel = () => second.log.append(driver.runId, cancelled());
      const calls = round % 2 === 0 ? [complete(), cancel()] : [cancel(), complete()];
      const wait = second.runs.waitForEnd(driver.runId, 20_000);
      const results = await Promise.all(calls);
      deepEqual(results.map((result) => result.kind).toSorted(), ["appended", "refused"]);
      const winner =
        results.findIndex((result) => result.kind === "appended") === round % 2 ? "completed" : "cancelled";
      const seen = [(await wait)?.status, (await bench.row(driver.runId)).status];
      deepEqual(seen, [winner, winner]);
      deepEqual(await endsOf(bench, driver.runId), [`run_${winner}`]);
    }
  }),
  scenario("X1: two cancellations at once are one", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const results = await Promise.all([
      bench.world.log.append(driver.runId, cancelled("mine", "first")),
      second.log.append(driver.runId, cancelled("theirs", "second")),
    ]);
    deepEqual(results.map((result) => result.kind).toSorted(), ["appended", "refused"]);
  }),
  scenario("L4: of many appends at once, one that is refused does not harm the others", async (bench) => {
    const all: TestDriver[] = [];
    for (let index = 0; index < 20; index += 1) all.push(await bench.drive());
    const second = await bench.fixture.second();
    const results = await Promise.all(
      all.map((driver, index) => {
        const bad = index % 5 === 3;
        const decisions = bad ? [stepCreated("step_a"), stepCreated("step_a")] : [stepCreated("step_a"), runFailed()];
        return (index % 2 === 0 ? bench.world : second).log.append(driver.runId, driver.request({ decisions }));
      }),
    );
    for (const [index, driver] of all.entries()) {
      const bad = index % 5 === 3;
      equal(results[index]?.kind, bad ? "refused" : "appended");
      equal((await bench.row(driver.runId)).tail, bad ? 2 : 4);
    }
  }),
  scenario("L5: the same append of a driver, sent twice at once, is written once", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const request = driver.request({ decisions: [stepCreated("step_a"), hookCreated("hook_a", "t")] });
    const replies = await Promise.all([bench.world, second].map((world) => world.log.append(driver.runId, request)));
    deepEqual(written(replies[0] as AppendResult).events, written(replies[1] as AppendResult).events);
    equal((await bench.row(driver.runId)).tail, 4);
  }),
  scenario("D2: an appended turn and a takeover at once: one of them is first", async (bench) => {
    const second = await bench.fixture.second();
    for (let round = 0; round < 6; round += 1) {
      const driver = await bench.drive(`w${round}`);
      bench.expire();
      await bench.beat("thief", second);
      const append = () => bench.world.log.append(driver.runId, driver.request({ decisions: [stepCreated("step_a")] }));
      const claim = () => second.claims.claim({ worker: worker("thief"), max: 100 });
      const [result] =
        round % 2 === 0 ? await Promise.all([append(), claim()]) : (await Promise.all([claim(), append()])).reverse();
      const kind = (result as AppendResult).kind;
      // A claim waits for nobody: a run that is just written to is left to the next one.
      if ((await bench.row(driver.runId)).epoch === 1) equal((await claim()).runs.length, 1);
      const { tail, epoch } = await bench.row(driver.runId);
      deepEqual([tail, epoch], [kind === "appended" ? 3 : 2, 2]);
      ok(kind === "appended" || kind === "fenced");
    }
  }),
];

export const raceGroup: ConformanceGroup = { subject: "races", cases: [...drivers, ...lost, ...together] };
