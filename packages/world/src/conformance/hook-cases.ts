/** H: tokens are unique, and free again as soon as their hook is gone. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  cancelled,
  createRequest,
  type DecisionDraft,
  hookCreated,
  hookDisposed,
  received,
  runCompleted,
  runFailed,
  runStarted,
  stepCreated,
  text,
  tokenHash,
  worker,
} from "./requests.ts";
import { type TestDriver, written } from "./test-driver.ts";

async function holder(bench: Bench, token: string): Promise<string | null> {
  const open = await bench.world.hooks.find(tokenHash(token));
  if (open === null) return null;
  const created = (await bench.log(open.runId))[open.position - 1];
  deepEqual([created?.type, created?.correlationId], ["hook_created", open.correlationId]);
  return `${open.runId} ${open.correlationId}`;
}

const typesOf = (reply: { readonly events: readonly { readonly type: string }[] }) =>
  reply.events.map((event) => event.type);

/** Two started runs of one worker. */
async function twoRuns(bench: Bench): Promise<[TestDriver, TestDriver]> {
  return [await bench.drive("w1"), await bench.drive("w1")];
}

const uniqueness = [
  scenario("H3: a token is found while its hook is open", async (bench) => {
    const driver = await bench.drive();
    equal(await holder(bench, "t"), null);
    await driver.decide(hookCreated("hook_a", "t"));
    equal(await holder(bench, "t"), `${driver.runId} hook_a`);
    equal(await holder(bench, "u"), null);
  }),
  scenario("H3: a token that another run holds is a conflict, and what follows it stands", async (bench) => {
    const [first, second] = await twoRuns(bench);
    await first.decide(hookCreated("hook_a", "t"));
    bench.advance(9);
    const reply = await second.decide(stepCreated("step_a"), hookCreated("hook_b", "t"), stepCreated("step_b"));
    deepEqual(typesOf(reply), ["step_created", "hook_conflict", "step_created"]);
    const conflict = reply.events[1];
    deepEqual({ ...conflict?.data }, { tokenHash: tokenHash("t"), conflictingRunId: first.runId });
    deepEqual([conflict?.correlationId, conflict?.at, conflict?.cause], ["hook_b", bench.now, 2]);
    equal(await holder(bench, "t"), `${first.runId} hook_a`);
    await second.decide(stepCreated("step_c"));
  }),
  scenario("H3: a run conflicts with itself too", async (bench) => {
    const driver = await bench.drive();
    const reply = await driver.decide(hookCreated("hook_a", "t"), hookCreated("hook_b", "t"));
    deepEqual(typesOf(reply), ["hook_created", "hook_conflict"]);
    const later = await driver.decide(hookCreated("hook_c", "t"));
    deepEqual(typesOf(later), ["hook_conflict"]);
    equal(await holder(bench, "t"), `${driver.runId} hook_a`);
  }),
  scenario("H3: two processes that take a token at once: one has it, the other a conflict", async (bench) => {
    const [first, second] = await twoRuns(bench);
    const other = await bench.fixture.second();
    const replies = await Promise.all([
      bench.world.log.append(first.runId, first.request({ decisions: [hookCreated("hook_a", "t")] })),
      other.log.append(second.runId, second.request({ decisions: [hookCreated("hook_a", "t")] })),
    ]);
    const types = replies.flatMap((reply) => typesOf(written(reply)));
    deepEqual(types.toSorted(), ["hook_conflict", "hook_created"]);
    const winner = types[0] === "hook_created" ? first : second;
    equal(await holder(bench, "t"), `${winner.runId} hook_a`);
  }),
  scenario("H3: two eager creations that take a token at once: one has it, the other a conflict", async (bench) => {
    await bench.beat("w1");
    const worlds = [bench.world, await bench.fixture.second()];
    const results = await Promise.all(
      worlds.map((world) =>
        world.runs.create(
          createRequest(bench.newRunId(), {
            eager: {
              worker: "w1",
              facts: [{ ...runStarted(), at: bench.now }],
              decisions: [hookCreated("hook_a", "t")({ position: 2, at: bench.now })],
              release: null,
            },
          }),
        ),
      ),
    );
    const types = results.map((result) => (result.kind === "created" ? result.events[2]?.type : result.kind));
    deepEqual(types.toSorted(), ["hook_conflict", "hook_created"]);
  }),
  scenario("a hook in conflict takes no payload, and can be disposed of like any other", async (bench) => {
    const [first, second] = await twoRuns(bench);
    await first.decide(hookCreated("hook_a", "t"));
    await second.decide(hookCreated("hook_b", "t"));
    const payload = await bench.world.log.append(second.runId, received("hook_b", "payload", "k"));
    equal(payload.kind, "refused");
    await second.decide(hookDisposed("hook_b"));
    equal(await holder(bench, "t"), `${first.runId} hook_a`);
  }),
  scenario("a hook that is created in conflict and disposed of in one append leaves the token alone", async (bench) => {
    const [first, second] = await twoRuns(bench);
    await first.decide(hookCreated("hook_a", "t"));
    const reply = await second.decide(
      hookCreated("hook_b", "t"),
      hookDisposed("hook_b"),
      hookCreated("hook_c", "t"),
      runCompleted(),
    );
    deepEqual(typesOf(reply), ["hook_conflict", "hook_disposed", "hook_conflict", "run_completed"]);
    equal(await holder(bench, "t"), `${first.runId} hook_a`);
  }),
];

const ends: { readonly name: string; readonly end: (driver: TestDriver) => Promise<unknown> }[] = [
  { name: "its hook is disposed of", end: (driver) => driver.decide(hookDisposed("hook_a")) },
  { name: "its run completes", end: (driver) => driver.decide(runCompleted()) },
  { name: "its run fails", end: (driver) => driver.decide(runFailed()) },
  {
    name: "its run is cancelled",
    end: async (driver) => written(await driver.world.log.append(driver.runId, cancelled())),
  },
];

const freeing = [
  ...ends.map(({ name, end }) =>
    scenario(`H4: a token is free for another run when ${name}`, async (bench) => {
      const [first, second] = await twoRuns(bench);
      await first.decide(hookCreated("hook_a", "t"), hookCreated("hook_b", "u"));
      await end(first);
      equal(await holder(bench, "t"), null);
      deepEqual(typesOf(await second.decide(hookCreated("hook_z", "t"))), ["hook_created"]);
      equal(await holder(bench, "t"), `${second.runId} hook_z`);
      const late = await bench.world.log.append(first.runId, received("hook_a", "payload", "k"));
      equal(late.kind, "refused");
    }),
  ),
  scenario("H4: a token is free for the same run in the append that disposes of its hook", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const reply = await driver.decide(hookDisposed("hook_a"), hookCreated("hook_b", "t"));
    deepEqual(typesOf(reply), ["hook_disposed", "hook_created"]);
    equal(await holder(bench, "t"), `${driver.runId} hook_b`);
  }),
  scenario("H4: a hook that is created and disposed of in one append leaves no token behind", async (bench) => {
    const driver = await bench.drive();
    const again: DecisionDraft[] = ["hook_a", "hook_b"].flatMap((id) => [hookCreated(id, "t"), hookDisposed(id)]);
    const reply = await driver.decide(...again);
    deepEqual(typesOf(reply), ["hook_created", "hook_disposed", "hook_created", "hook_disposed"]);
    equal(await holder(bench, "t"), null);
  }),
  scenario("H4: a hook that was disposed of after its token went on is not the holder", async (bench) => {
    const [first, second] = await twoRuns(bench);
    await first.decide(hookCreated("hook_a", "t"));
    await first.decide(hookDisposed("hook_a"));
    await second.decide(hookCreated("hook_z", "t"));
    await first.decide(runCompleted());
    equal(await holder(bench, "t"), `${second.runId} hook_z`);
  }),
  scenario("H3: a refused append takes no token", async (bench) => {
    const driver = await bench.drive();
    equal((await driver.try({ decisions: [hookCreated("hook_a", "t"), hookDisposed("hook_b")] })).kind, "refused");
    equal(await holder(bench, "t"), null);
  }),
];

const payloads = [
  scenario("H2: payloads of a hook are numbered in log order, whatever the sender says", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"), hookCreated("hook_b", "u"));
    for (const [hook, key] of ["aa", "bb", "ac", "bd", "ae"].map((pair) => [`hook_${pair[0]}`, pair[1] ?? ""])) {
      written(await bench.world.log.append(driver.runId, received(hook ?? "", key ?? "", key ?? "")));
    }
    const seen = (await bench.log(driver.runId)).flatMap((event) =>
      event.type === "hook_received" ? [[event.correlationId, event.data.ordinal, text(event.payload)]] : [],
    );
    deepEqual(seen, [
      ["hook_a", 1, "a"],
      ["hook_b", 1, "b"],
      ["hook_a", 2, "c"],
      ["hook_b", 2, "d"],
      ["hook_a", 3, "e"],
    ]);
  }),
  scenario("H2: payloads from two processes at once are each one event", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const worlds = [bench.world, await bench.fixture.second()];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        worlds[index % 2]?.log.append(driver.runId, received("hook_a", `${index}`, `k${index}`)),
      ),
    );
    const seen = (await bench.log(driver.runId)).filter((event) => event.type === "hook_received");
    deepEqual(
      seen.map((event) => (event.type === "hook_received" ? event.data.ordinal : 0)),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    equal(new Set(seen.map((event) => text(event.payload))).size, 20);
  }),
  scenario("H4: payload and disposal at once: either it stands before, or it is refused", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const other = await bench.fixture.second();
    const [, payload] = await Promise.all([
      bench.world.log.append(driver.runId, driver.request({ decisions: [hookDisposed("hook_a")] })),
      other.log.append(driver.runId, received("hook_a", "payload", "k")),
    ]);
    const types = await bench.types(driver.runId);
    const expected = payload?.kind === "refused" ? ["hook_disposed"] : ["hook_received", "hook_disposed"];
    deepEqual(types.slice(3), expected);
  }),
  scenario("H1: a payload that is acknowledged stands before the end of its run", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"));
    const other = await bench.fixture.second();
    const [payload] = await Promise.all([
      other.log.append(driver.runId, received("hook_a", "payload", "k")),
      bench.world.log.append(driver.runId, driver.request({ decisions: [runCompleted()] })),
    ]);
    const types = await bench.types(driver.runId);
    equal(types.at(-1), "run_completed");
    equal(types.includes("hook_received"), payload?.kind === "appended");
  }),
  scenario("a run that nobody started can be cancelled", async (bench) => {
    const run = await bench.create();
    written(await bench.world.log.append(run.runId, cancelled("k", "changed my mind")));
    const row = await bench.row(run.runId);
    deepEqual([row.status, row.startedAt, row.endedAt], ["cancelled", null, bench.now]);
    const { runs } = await bench.world.claims.claim({ worker: worker("w1"), max: 1 });
    ok(runs.length === 0);
  }),
];

export const hookGroup: ConformanceGroup = { subject: "hooks", cases: [...uniqueness, ...freeing, ...payloads] };
