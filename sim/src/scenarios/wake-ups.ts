/** Whatever is lost, a live run has something that wakes it, and wakes it in time. */
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export const scenarios: readonly Scenario[] = [
  {
    of: "lost wake-up",
    title:
      "Q1, T3: a worker that dies as its sleep is written loses no wake-up, and the sleep ends after an outage of a day",
    mutant: {
      breaks: "a claim that ends in an append is due at the waits that the append creates",
      always: true,
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: "        : earlier(release.wakeAt, this.#earliestNewWait);",
          replace: "        : release.wakeAt;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => { await step("work")(); await sleep(${hourMs}); return "awake"; }`,
        steps: { work: value(null, 10) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      stage.when({ probe: "append.speculative:applied", incident: (who) => who.crash() });
      await stage.until("the sleep is in the log", () => stage.hasEvent(runId, "wait_created"));
      await stage.runFor(0);
      stage.equal(one.isAlive, false, "the worker is alive");
      stage.scheduler.jumpTo(stage.scheduler.now + dayMs);
      await stage.process("two");
      stage.equal(await stage.result(runId, 2_000), "awake", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "lost wake-up",
    title: "Q1: a run whose worker died between its claim and its first look at the log is taken over",
    mutant: {
      breaks: "the runs of workers that no longer live can be claimed",
      edits: [
        {
          file: "packages/world/src/memory/memory-claims.ts",
          find: "  for (const stored of lostRuns(session, worker.workflows, storeNow)) {",
          replace: "  for (const stored of lostRuns(session, [], storeNow)) {",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: `async () => "done"` });
      const runId = await stage.create();
      stage.when({ probe: "claim:applied", by: "one", incident: (who) => who.crash() });
      stage.when({ probe: "read:applied", by: "two", incident: (who) => who.crash() });
      const one = await stage.process("one");
      await stage.until("one has died with its claim", () => !one.isAlive);
      stage.equal(stage.record(runId).owner, one.workerId, "the owner");
      const two = await stage.process("two");
      await stage.until("two has died with its claim", () => !two.isAlive);
      stage.equal(stage.record(runId).owner, two.workerId, "the owner");
      await stage.process("three");
      stage.equal(await stage.result(runId, 10_000), "done", "the result");
      stage.equal(stage.record(runId).epoch, 3, "claims");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "lost wake-up",
    title: "Q1, H1: a payload wakes the run that waits for it, though every hint is lost",
    mutant: {
      breaks: "an outside event makes an idle run due in the same commit",
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: "const wakeAt = run.owner === null && concernsDriver ? context.storeNow : run.wakeAt;",
          replace: "const wakeAt = run.wakeAt;",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: `async () => await createHook({ token: "inbox" })` });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      stage.equal([stage.record(runId).owner, stage.record(runId).wakeAt], [null, null], "the run is idle");
      stage.network.hintsLostUntil = Number.POSITIVE_INFINITY;
      await stage.answerTo("the payload", () => stage.send("inbox", "news", "key-1"));
      stage.equal(await stage.result(runId, 3_000), "news", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title: "Q1: a claim whose answer is lost is given back, and the run is driven by the worker that never knew of it",
    mutant: {
      breaks: "what a worker holds and does not drive is given back",
      always: true,
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "if (this.#mayHoldMore || env.elapsed() - this.#heldAskedAt >= heldAskedMs) await",
          replace: "if (env.elapsed() < 0) await",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: `async () => "done"` });
      const runId = await stage.create();
      stage.when({ probe: "claim:applied", by: "one", incident: "lost answer" });
      const one = await stage.process("one");
      await stage.until("one holds the run", () => stage.record(runId).owner === one.workerId);
      stage.equal(await stage.result(runId, 10_000), "done", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title:
      "Q1: a claim that reached the store twice is found and given back, though its worker has no reason to look for it",
    mutant: {
      breaks: "what a worker holds is asked for now and then without a reason",
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "const heldAskedMs = 30_000;",
          replace: "const heldAskedMs = 30_000_000;",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: `async () => "done"` });
      const one = await stage.process("one");
      const { claims } = stage.store.connect();
      const worker = { id: one.workerId, leaseMs: 3_500, workflows: [one.build.workflowId] };
      // A claim of the worker, sent long ago, comes again just when there is a run.
      stage.when({ probe: "create.client:applied", incident: () => void claims.claim({ worker, max: 1 }) });
      const runId = await stage.create();
      stage.equal(stage.record(runId).owner, one.workerId, "the owner");
      stage.equal(await stage.result(runId, 40_000), "done", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title: "T1, T3: a wall clock that jumps by a day while a body runs neither delays a sleep nor ends it early",
    mutant: {
      breaks: "the store's clock is estimated over a clock that nobody sets",
      always: true,
      edits: [
        {
          file: "packages/core/src/worker/drive.ts",
          find: "this.machine.input(input, this.#host.env.elapsed())",
          replace: "this.machine.input(input, this.#host.env.now())",
        },
        {
          file: "packages/core/src/worker/worker.ts",
          find: "this.#clock.observe(result.storeNow, env.elapsed());",
          replace: "this.#clock.observe(result.storeNow, env.now());",
        },
        {
          file: "packages/core/src/worker/worker.ts",
          find: "drive.begin(() => drive.machine.start(request, this.#parts.env.elapsed()));",
          replace: "drive.begin(() => drive.machine.start(request, this.#parts.env.now()));",
        },
        {
          file: "packages/core/src/worker/worker.ts",
          find: "    return this.#clock.estimate(this.#parts.env.elapsed());",
          replace: "    return this.#clock.estimate(this.#parts.env.now());",
        },
      ],
    },
    async play() {
      for (const jumpMs of [-dayMs, dayMs]) {
        const stage = new Stage({
          workflow: `async () => {
            const slow = step("slow")();
            await sleep(1_000);
            return [await Promise.race([slow, step("quick")()]), await slow];
          }`,
          steps: { slow: value("slow", 8_000), quick: value("quick", 10) },
        });
        const one = await stage.process("one");
        const runId = await stage.start(one);
        await stage.runFor(200);
        one.env.skewMs += jumpMs;
        const startedAt = stage.scheduler.now;
        stage.equal(await stage.result(runId, 20_000), ["quick", "slow"], "the result");
        const late = stage.scheduler.now - startedAt;
        stage.equal(late < 9_000, true, `the run ended ${late} ms after the jump, which is in time`);
        stage.judge();
        stage.close();
      }
    },
  },
  {
    of: "found by the simulator",
    title:
      "Q1: a retry that a lost worker had started is started again at once, though the store's clock was set back meanwhile",
    mutant: {
      breaks: "an attempt that was started waits for no time any more",
      edits: [
        {
          file: "packages/world/src/run-view.ts",
          find: "delivery: event.data.delivery, epoch: epochOf(event), retryAt: null };",
          replace: "delivery: event.data.delivery, epoch: epochOf(event) };",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => await step("flaky")()`,
        steps: {
          flaky: ({ body: { attempt, delivery } }) =>
            attempt === 1
              ? { kind: "retryable", message: "again", retryAfterMs: 20_000 }
              : { kind: "value", value: `${attempt}.${delivery}`, latencyMs: delivery === 3 ? 10 : 30_000 },
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the retry is written", () => stage.hasEvent(runId, "step_retrying"));
      one.crash();
      // Another claim starts the second attempt when it is due, and is lost.
      const two = await stage.process("two");
      await stage.until("the second attempt runs", () => stage.bodies.runs.length === 2);
      two.crash();
      stage.store.skewMs -= 10_000;
      await stage.store.connect().claims.retire(two.workerId);
      await stage.process("three");
      stage.equal(await stage.result(runId, 2_000), "2.3", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title: "T3: a retry that is due and waits for a free slot sets no timer meanwhile",
    mutant: {
      breaks: "a timer is set for what is due after now, while bodies run",
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: "const next = work.nextDue(storeNow);",
          replace: "const next = work.nextDue();",
        },
      ],
    },
    async play() {
      const stage = new Stage(
        {
          workflow: `async () => {
            const retried = step("flaky")();
            return await Promise.all([retried, step("slow")()]);
          }`,
          steps: {
            flaky: ({ body: { attempt } }) =>
              attempt === 1
                ? { kind: "retryable", message: "again", latencyMs: 10, retryAfterMs: 12_000 }
                : { kind: "value", value: "in the end" },
            slow: value("slow", 20_000),
          },
        },
        { stepsPerRun: 1 },
      );
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the retry is written", () => stage.hasEvent(runId, "step_retrying"));
      // The next claim starts the slow body again in its one slot; the retry becomes due meanwhile.
      one.crash();
      stage.scheduler.jumpTo(stage.scheduler.now + 5_000);
      await stage.process("two");
      const before = stage.network.passed.get("timer") ?? 0;
      stage.equal(await stage.result(runId, 60_000), ["in the end", "slow"], "the result");
      const timers = (stage.network.passed.get("timer") ?? 0) - before;
      stage.equal(timers < 200, true, `${timers} timers, which are few`);
      stage.judge();
      stage.close();
    },
  },
];
