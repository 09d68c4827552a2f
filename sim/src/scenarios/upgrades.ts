/** Which code executes a run, and what that code can see of the machine. */
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

export const scenarios: readonly Scenario[] = [
  {
    of: "wrong deployment",
    title:
      "V1: a run is executed by the bundle that started it, and its steps by the newest deploy with their own retries",
    mutant: {
      breaks: "a run is driven with the bundle that its row names",
      always: true,
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "      const bundle = await shelf.byId(run.bundleId);",
          replace: `      const newest = { id: run.workflowId, name: run.workflowName, fn: () => undefined, file: "", line: 1 };
      const bundle = await shelf.ofWorkflow(newest);`,
        },
      ],
    },
    async play() {
      const attempts: number[] = [];
      const steps = {
        work: value("old", 100),
        unsteady: ({ body: { attempt } }: { readonly body: { readonly attempt: number } }) => {
          attempts.push(attempt);
          return attempt <= 2
            ? { kind: "error" as const, message: "not yet" }
            : { kind: "value" as const, value: `attempt ${attempt}` };
        },
      };
      const stage = new Stage({
        workflow: `async () => {
          const first = await step("work")();
          await sleep(5_000);
          return ["old code", first, await step("unsteady")()];
        }`,
        steps,
      });
      const next = stage.build({
        workflow: `async () => ["new code", await step("unsteady")(), await step("work")()]`,
        steps,
        maxRetries: { unsteady: 2 },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the sleep", () => stage.hasEvent(runId, "wait_created"));
      one.stop();
      const two = await stage.process("two", next);
      const newRun = await stage.start(two);
      stage.equal(await stage.result(runId), ["old code", "old", "attempt 3"], "the run of the old deploy");
      stage.equal(await stage.result(newRun), ["new code", "attempt 3", "old"], "the run of the new deploy");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "wrong deployment",
    title: "V1: a run whose step the newest deploy no longer has is parked, and goes on where the step is there again",
    mutant: {
      breaks: "a step that is not registered parks the run",
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: "    if (wasNotStarted(outcome)) {",
          replace: `    if (outcome.kind === "unregistered") {
      this.#held.keepResult({ ...finished, outcome: { kind: "failed", payload: new Uint8Array(), code: "FATAL" } });
    } else if (wasNotStarted(outcome)) {`,
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          await sleep(5_000);
          return await step("work")();
        }`,
        steps: { work: value("worked") },
      });
      const without = stage.build({ workflow: `async () => "new code"` });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      one.stop();
      const two = await stage.process("two", without);
      await stage.settled(runId);
      const { status, parked } = stage.record(runId);
      stage.equal([status, parked?.reason], ["running", "needs_step"], "the run");
      two.stop();
      // A worker that registers the step puts the run back by itself.
      await stage.process("three");
      await stage.until("the run is put back", () => stage.record(runId).parked === null);
      stage.equal(await stage.result(runId), "worked", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "wrong deployment",
    title: "V1: a run whose step takes other parameters now is parked, and goes on where it takes the old ones again",
    mutant: {
      breaks: "a step whose parameters are others is not started",
      edits: [
        {
          file: "packages/core/src/step/registry.ts",
          find: "own === null || own === shape ? null : own",
          replace: "own !== shape ? null : null",
        },
      ],
    },
    async play() {
      const old = {
        workflow: `async () => {
          await sleep(5_000);
          return await step("work", "(order)")(1);
        }`,
        steps: { work: value("worked") },
        shapes: { work: "(order)" },
      };
      const stage = new Stage(old);
      const next = stage.build({ ...old, workflow: `async () => "new code"`, shapes: { work: "(customer,order)" } });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      one.stop();
      const two = await stage.process("two", next);
      await stage.settled(runId);
      const { status, parked } = stage.record(runId);
      stage.equal([status, parked?.reason], ["running", "shape_changed"], "the run");
      const detail = parked?.detail ?? "";
      stage.equal(
        [detail.includes("(order)"), detail.includes("(customer,order)")],
        [true, true],
        "both shapes are told",
      );
      stage.equal(stage.bodies.runs.length, 0, "bodies that were started");
      two.stop();
      await stage.process("three");
      await stage.until("the run is put back", () => stage.record(runId).parked === null);
      stage.equal(await stage.result(runId), "worked", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "wrong deployment",
    title: "V1: a run that is parked for want of a step goes on in a worker that has it and was there before",
    mutant: {
      breaks: "a worker looks again and again for runs that it could take up",
      edits: [
        {
          file: "packages/core/src/worker/worker.ts",
          find: "env.elapsed() - this.#revivedAt >= reviveAgainMs",
          replace: "env.elapsed() < this.#revivedAt",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          await sleep(5_000);
          return await step("work")();
        }`,
        steps: { work: value("worked") },
      });
      const without = stage.build({ workflow: `async () => "new code"` });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      one.stop();
      // It has the step, and stands still while another one takes the run up.
      const able = await stage.process("able");
      able.pause(7_000);
      const two = await stage.process("two", without);
      await stage.settled(runId);
      stage.equal(stage.record(runId).parked?.reason, "needs_step", "the run");
      two.stop();
      await stage.until("the run is put back", () => stage.record(runId).parked === null);
      stage.equal(await stage.result(runId), "worked", "the result");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "sandbox leaks",
    title:
      "R7: nothing in the realm tells the time, waits or shares memory by itself, in the first execution and in a replay",
    mutant: {
      breaks: "Atomics.waitAsync, which is a timer, is taken out of the realm",
      edits: [
        {
          file: "packages/core/src/realm/guest/globals/forbidden.ts",
          find: '["wait", "waitAsync", "notify"]',
          replace: '["wait", "notify"]',
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const probes = {
            timer: () => Atomics.waitAsync(new Int32Array(new ArrayBuffer(4)), 0, 0, 10).async,
            memory: () => new SharedArrayBuffer(4).byteLength,
            compile: () => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).constructor.name,
            weak: () => new WeakRef({}).deref() === undefined,
            registry: () => new FinalizationRegistry(() => {}).register({}, 1),
            now: () => typeof Temporal === "object" ? String(Temporal.Now.instant()) : "absent",
          };
          const seen = () => Object.entries(probes).map(([name, probe]) => {
            try { return [name, probe()]; } catch (error) { return [name, error.name]; }
          });
          class Later extends Date {}
          const clocks = () => [Date.now(), +new Date(), new Date().constructor.now(), +new Later(), Later.now()];
          const first = [seen(), clocks()];
          await step("work")();
          const second = [seen(), clocks()];
          await sleep(5_000);
          return [first, second];
        }`,
        steps: { work: value(null, 700) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the sleep", () => stage.hasEvent(runId, "wait_created"));
      one.crash();
      await stage.process("two");
      const refused = "UnavailableInWorkflowContextError";
      const names = ["timer", "memory", "compile", "weak", "registry"];
      const seen = [...names.map((name) => [name, refused]), ["now", "absent"]];
      const atOf = (type: string): number => stage.log(runId).find((event) => event.type === type)?.at ?? 0;
      const clocks = (at: number): readonly number[] => [at, at, at, at, at];
      const expected = [
        [seen, clocks(atOf("run_started"))],
        [seen, clocks(atOf("step_completed"))],
      ];
      stage.equal(await stage.result(runId), expected, "what the code saw");
      stage.judge();
      stage.close();
    },
  },
];
