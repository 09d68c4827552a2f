/** What a store that fails, lags or is damaged does to a run: it delays it or parks it, and never fails it. */
import { isStoreRestored, StoreError } from "@perdure/errors";
import { fold, type LogEvent, type RunRecord, type RunView } from "@perdure/world";
import type { Operation } from "../faults/catalogue.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

const counting = `async () => {
  let sum = 0;
  for (let round = 0; round < 3; round++) sum = await step("add")(sum);
  await sleep(5_000);
  return sum;
}`;
const add = {
  add: ({ args: [sum] }: { readonly args: readonly unknown[] }) => {
    return { kind: "value" as const, value: Number(sum) + 1, latencyMs: 50 };
  },
};

/** A run as it is kept aside. */
interface Backup {
  readonly run: RunRecord;
  readonly events: readonly LogEvent[];
}

const backUp = (stage: Stage, runId: string): Backup => ({ run: stage.record(runId), events: [...stage.log(runId)] });

/** Does behind everybody's back what the restoration of a backup does, to one run. */
function putBack(stage: Stage, runId: string, { run, events }: Backup): void {
  const stored = stage.store.run(runId);
  if (stored === undefined) return;
  stored.events.splice(0, stored.events.length, ...events);
  (stored as { view: RunView }).view = fold(events);
  stage.store.space.setRun(stored, run);
}

/** Calls that a worker makes for its runs, and whether it may speculate. */
const driven: readonly (readonly [operation: Operation, compareAndAppend: boolean])[] = [
  ["create.eager", true],
  ["append.speculative", true],
  ["append.facts", false],
  ["append.decisions", false],
  ["read", true],
  ["release", false],
];

export const scenarios: readonly Scenario[] = [
  {
    of: "transient failure",
    title:
      "Q4: a store that cannot be reached for half a minute delays a run, and costs it neither a start nor a retry",
    mutant: {
      breaks: "a store that fails is asked again",
      always: true,
      edits: [
        {
          file: "packages/core/src/worker/drive.ts",
          find: "      this.#host.storeFailed(error);\n      again();",
          replace: "      this.#parkDefect(error);",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: counting, steps: add, maxRetries: { add: 0 } });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.runFor(20);
      stage.network.outageUntil = stage.scheduler.now + 30_000;
      stage.equal(await stage.result(runId), 3, "the result");
      stage.equal(
        stage.bodies.runs.map(({ attempt, delivery }) => [attempt, delivery]),
        [
          [1, 1],
          [1, 1],
          [1, 1],
        ],
        "starts",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "streams",
    title: "Q4, L5: whichever answers are lost, what was written is written once",
    mutant: {
      breaks: "an append is recognised when it is sent again",
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: "  if (mark !== null && request.n <= mark.n) {",
          replace: "  if (mark !== null && request.n < 0) {",
        },
      ],
    },
    async play() {
      for (const [operation, compareAndAppend] of driven) {
        const stage = new Stage({ workflow: counting, steps: add, maxRetries: { add: 0 } }, { compareAndAppend });
        for (const nth of [1, 2, 3]) stage.when({ probe: `${operation}:applied`, nth, incident: "lost answer" });
        const one = await stage.process("one");
        const runId = await stage.start(one);
        stage.equal(await stage.result(runId), 3, "the result");
        stage.equal(stage.bodies.runs.length, 3, "starts of bodies");
        stage.equal(stage.errors.every(StoreError.is), true, "nothing but failures of the store is told");
        stage.judge();
        stage.close();
      }
    },
  },
  {
    of: "transient failure",
    title: "Q4, E3: a bundle that cannot be fetched now puts the run off, and neither parks nor fails it",
    mutant: {
      breaks: "a store that fails is told from a bundle that cannot be read",
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "      if (PerdureError.is(error) && !StoreError.is(error)) {",
          replace: "      if (PerdureError.is(error)) {",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: counting, steps: add });
      const runId = await stage.create();
      for (const nth of [1, 2]) stage.when({ probe: "bundle.get:sent", nth, incident: "refused" });
      await stage.process("one");
      stage.equal(await stage.result(runId, 20_000), 3, "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title: "L8: a read that is answered with a part of the log decides nothing",
    mutant: {
      breaks: "a driver knows the tail at which it claimed",
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "drive.machine.claimed(resident?.residence ?? null, run.tail)",
          replace: "drive.machine.claimed(resident?.residence ?? null, 0)",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: counting, steps: add, maxRetries: { add: 0 } }, { compareAndAppend: false });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("two results", () => stage.hasEvent(runId, "step_completed", 2));
      one.crash();
      for (const nth of [1, 2, 3]) stage.when({ probe: "read:sent", by: "two", nth, incident: "old prefix" });
      await stage.process("two");
      stage.equal(await stage.result(runId), 3, "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "partial data",
    title: "L7, C4: a payload that is damaged parks the run, is never skipped, and is read again once it is whole",
    mutant: {
      breaks: "a payload that cannot be read is reported",
      edits: [
        {
          file: "packages/core/src/replay/execution.ts",
          find: "return undecodable(carrier, error.message);",
          replace: "return nothing;",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: counting, steps: add });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the sleep", () => stage.hasEvent(runId, "wait_created"));
      one.crash();
      const events = stage.store.run(runId)?.events ?? [];
      const place = events.findIndex(({ type }) => type === "step_completed");
      const whole = events[place] as LogEvent;
      events[place] = { ...whole, payload: whole.payload?.slice(0, -1) ?? null } as LogEvent;
      await stage.process("two");
      await stage.settled(runId);
      const { status, parked } = stage.record(runId);
      stage.equal([status, parked?.reason, parked?.position], ["running", "undecodable", place + 1], "the run");
      events[place] = whole;
      await stage.store.connect().unpark(runId);
      stage.equal(await stage.result(runId), 3, "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "partial data",
    title: "D1: a driver whose store was put back to a shorter log is refused once, and the run goes on from that log",
    mutant: {
      breaks: "a driver that is ahead of the store ends",
      always: true,
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: 'if (reason.kind === "ahead") return this.#end({ kind: "ahead" });',
          replace: "",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => [await step("first")(), await step("second")()]`,
        steps: { first: value("first", 50), second: value("second", 50) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      const backup = backUp(stage, runId);
      await stage.until("the second step", () => stage.hasEvent(runId, "step_created", 2));
      putBack(stage, runId, backup);
      await stage.until("the worker is told", () => !one.isAlive);
      stage.equal(stage.errors.map(isStoreRestored), [true], "what the worker was told");
      stage.equal(stage.log(runId).length, backup.events.length, "what was written by then");
      await stage.process("two");
      stage.equal(await stage.result(runId), ["first", "second"], "the result");
      const started = stage.bodies.runs.map(({ name, delivery }) => `${name} ${delivery}`);
      stage.equal(started, ["first 1", "second 1", "first 2", "second 1"], "starts");
      stage.close();
    },
  },
  {
    of: "lost wake-up",
    title: "D3, D4: an append whose answer never comes has started nothing",
    mutant: {
      breaks: "a body is dispatched after its step was acknowledged",
      edits: [
        {
          file: "packages/core/src/worker/drive.ts",
          find: '      case "append":\n',
          replace: `      case "append":
        for (const decision of effect.request.decisions) {
          if (decision.type !== "step_created" || decision.correlationId === null) continue;
          const created = { ...decision, position: 0, committedAt: 0, epoch: this.epoch, key: null } as never;
          const task = { created, correlationId: decision.correlationId, attempt: 1, delivery: 1, workflow: { name: "", startedAt: 0 } };
          void this.#host.runStep(task, () => this.#signal());
        }
`,
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => [await step("first")(), await step("second")()]`,
        steps: { first: value("first", 50), second: value("second", 50) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      stage.when({ probe: "append.speculative:sent", by: "one", nth: "every", incident: "lost request" });
      await stage.runFor(5_000);
      stage.equal(
        stage.bodies.runs.map(({ name }) => name),
        ["first"],
        "bodies that ran in one",
      );
      one.crash();
      await stage.process("two");
      stage.equal(await stage.result(runId), ["first", "second"], "the result");
      stage.judge();
      stage.close();
    },
  },
];
