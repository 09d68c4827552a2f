/** Where and how often step bodies run, and whose result counts. */
import { getStepMetadata } from "@perdure/core/simulation";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

export const scenarios: readonly Scenario[] = [
  {
    of: "step started twice",
    title: "S3: a body that runs is not started again by wake-ups that are not about it",
    mutant: {
      breaks: "a driver knows which bodies it has running",
      always: true,
      edits: [
        {
          file: "packages/core/src/run/held-run.ts",
          find: "    if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;",
          replace: "    if (this.#results.has(correlationId)) return false;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          const slow = step("slow")();
          let told = 0;
          void (async () => { for await (const news of hook) told += news; })();
          await step("quick")();
          return [await slow, told];
        }`,
        steps: { slow: value("slow", 30_000), quick: value(null, 5_000) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      for (let count = 1; count <= 5; count += 1) {
        await stage.runFor(300);
        await stage.answerTo("a payload", () => stage.send("inbox", 1, `key-${count}`));
      }
      // One more payload moves the tail under the result of the quick step, so that the log is read again from its start.
      stage.when({ probe: "append.speculative:sent", by: "one", incident: "delay" });
      let sent: Promise<unknown> = Promise.resolve();
      stage.when({
        probe: "append.speculative:sent",
        by: "one",
        incident: () => {
          sent = stage.send("inbox", 1, "key-last");
        },
      });
      stage.equal(await stage.result(runId), ["slow", 6], "the result");
      await sent;
      stage.equal(
        stage.bodies.runs.map(({ name }) => name),
        ["slow", "quick"],
        "bodies that ran",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "step started twice",
    title: "D1, D2: a worker that stood still past its lease goes on where another has taken over, and writes nothing",
    mutant: {
      breaks: "the store compares the epoch of an append",
      always: true,
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: '  if (request.epoch !== run.epoch) return { kind: "fenced" };',
          replace: "",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          await sleep(1_000);
          return await step("slow")();
        }`,
        steps: { slow: value("slow", 20_000) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.runFor(500);
      one.pause(10_000);
      await stage.process("two");
      await stage.until("two drives the run", () => stage.hasEvent(runId, "step_created"));
      stage.equal(await stage.result(runId), "slow", "the result");
      const epochs = stage.log(runId).map(({ epoch }) => epoch);
      stage.equal(epochs, [1, 1, 1, 2, 2, 2, 2], "whose events");
      stage.equal(stage.bodies.runs.length, 1, "bodies that ran");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title:
      "D1: a worker that claims its own run anew, because the store held it for lost, starts nothing for its claim before",
    mutant: {
      breaks: "what a claim before has not started yet is dropped",
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "    this.#dropClaimBefore(runId);\n    this.#drives.set",
          replace: "    this.#drives.set",
        },
      ],
    },
    async play() {
      const stage = new Stage(
        {
          workflow: `async () => await Promise.all([step("first")(), step("second")()])`,
          steps: { first: value("first", 5_000), second: value("second", 5_000) },
        },
        { stepsPerWorker: 1 },
      );
      const one = await stage.process("one");
      const runId = await stage.start(one);
      // The second body waits for the slot when the store's clock jumps, and the worker's last beat is old all at once.
      stage.when({
        probe: "claim:sent",
        by: "one",
        incident: () => {
          stage.store.skewMs += 60_000;
        },
      });
      stage.equal(await stage.result(runId), ["first", "second"], "the result");
      stage.equal(stage.record(runId).epoch, 2, "claims");
      const starts = stage.bodies.runs.map(({ name, delivery }) => [name, delivery]);
      stage.equal(
        starts,
        [
          ["first", 1],
          ["first", 2],
          ["second", 2],
        ],
        "bodies that ran",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "found by the simulator",
    title:
      "S3: a second attempt whose result is moved by somebody else's write is not run again, though its retry is read anew",
    mutant: {
      breaks: "a retry that is read again does not stand for the result of the attempt after it",
      edits: [
        {
          file: "packages/core/src/run/held-run.ts",
          find: "      if (this.#isRecordedBy(event)) this.#results.delete(correlationId);",
          replace: "      this.#results.delete(correlationId);",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          return await step("flaky")();
        }`,
        steps: {
          flaky: ({ body: { attempt } }) =>
            attempt === 1
              ? { kind: "retryable", message: "again", retryAfterMs: 500 }
              : { kind: "value", value: `attempt ${attempt}`, latencyMs: 50 },
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the second attempt runs", () => stage.bodies.runs.length === 2);
      stage.when({ probe: "append.speculative:sent", by: "one", incident: "delay" });
      const sent: Promise<unknown>[] = [];
      stage.when({
        probe: "append.speculative:sent",
        by: "one",
        incident: () => void sent.push(stage.send("inbox", null, "key-1")),
      });
      stage.equal(await stage.result(runId), "attempt 2", "the result");
      stage.equal((await Promise.all(sent)).length, 1, "payloads that moved the tail");
      stage.equal(
        stage.bodies.runs.map(({ attempt, delivery }) => [attempt, delivery]),
        [
          [1, 1],
          [2, 1],
        ],
        "bodies that ran",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "step started twice",
    title:
      "S1, S4: of two bodies of one attempt the one that the log allows is recorded, and its result is adopted by all",
    mutant: {
      breaks: "a result is of the current delivery, and of the claim that owns the attempt",
      edits: [
        {
          file: "packages/world/src/event-rules.ts",
          find: '  if (step.epoch !== context.epoch) return "another claim owns this attempt";',
          replace: "",
        },
        {
          file: "packages/world/src/event-rules.ts",
          find: "  return isSameStart(current, event.data) ? null : otherStart;",
          replace: "  return null;",
        },
        {
          file: "packages/world/src/admit.ts",
          find: '  if (request.epoch !== run.epoch) return { kind: "fenced" };',
          replace: "",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => [await step("body")(), await step("after")()]`,
        steps: {
          body: ({ body }) => ({ kind: "value", value: `by ${body.process.name}`, latencyMs: 6_000 }),
          after: value("after", 30_000),
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.runFor(100);
      // It stands still while its body runs; the body ends soon after it goes on, before that of the other.
      one.pause(7_000);
      await stage.process("two");
      stage.equal(await stage.result(runId), ["by two", "after"], "the results");
      const results = stage
        .log(runId)
        .flatMap((event) => (event.type === "step_completed" ? [event.data.delivery] : []));
      stage.equal(results, [2, 1], "deliveries that were recorded");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "step started twice",
    title: "S2: after any number of takeovers no step whose result was acknowledged runs again",
    mutant: {
      breaks: "a step that has its result is no work that is open",
      edits: [
        {
          file: "packages/core/src/run/open-work.ts",
          find: '    else if (event.type === "step_completed" || event.type === "step_failed") {\n      this.steps.delete(id);',
          replace: '    else if (event.type === "step_completed" || event.type === "step_failed") {',
        },
        {
          file: "packages/world/src/event-rules.ts",
          find: '  if (step.state === "done") return "the step has its result";',
          replace: '  if (step.state === "done" && event.type !== "step_started") return "the step has its result";',
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          let sum = 0;
          for (let round = 0; round < 5; round++) sum = await step("add")(sum);
          return sum;
        }`,
        steps: { add: ({ args: [sum] }) => ({ kind: "value", value: Number(sum) + 1, latencyMs: 100 }) },
      });
      let runId = "";
      for (let round = 1; round <= 5; round += 1) {
        const worker = await stage.process(`worker-${round}`);
        if (runId === "") runId = await stage.start(worker);
        await stage.until("another result", () => stage.hasEvent(runId, "step_completed", round));
        await stage.runFor(20);
        worker.crash();
      }
      if (stage.record(runId).endedAt === null) await stage.process("last");
      stage.equal(await stage.result(runId), 5, "the result");
      const done = new Set(stage.bodies.runs.map(({ correlationId }) => correlationId));
      stage.equal(done.size, 5, "steps that ran");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "late abort",
    title:
      "X1, X2: a cancelled run ends at once, its bodies are told, their results are refused, and nothing new starts",
    mutant: {
      breaks: "the bodies that run when a run ends are told",
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: '[stopTimer, { kind: "abortSteps" }]',
          replace: "[stopTimer]",
        },
      ],
    },
    async play() {
      const signals: AbortSignal[] = [];
      const stage = new Stage({
        workflow: `async () => {
          await step("work")();
          await step("never")();
        }`,
        steps: {
          work: () => {
            signals.push(getStepMetadata().signal);
            return { kind: "value", value: null, latencyMs: 10_000 };
          },
          never: value(null),
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.runFor(1_000);
      const answer = await stage.answerTo("the cancellation", () => stage.cancel(runId));
      stage.equal(answer.kind, "appended", "what the canceller was told");
      await stage.runFor(2_000);
      stage.equal(
        signals.map(({ aborted }) => aborted),
        [true],
        "whether the body was told",
      );
      await stage.runFor(20_000);
      stage.equal(stage.record(runId).status, "cancelled", "the status");
      stage.equal(stage.types(runId).slice(-2), ["step_created", "run_cancelled"], "the end of the log");
      stage.equal(stage.bodies.runs.length, 1, "bodies that ran");
      const again = await stage.answerTo("another cancellation", () => stage.cancel(runId, "again"));
      stage.equal(again.kind, "refused", "a second cancellation");
      stage.judge();
      stage.close();
    },
  },
];
