/** What counts as a failure of a step or of a run, and what only happened to its workers. */
import type { SimProcess } from "../process/sim-process.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

/** Workers come after one another, each under the next name, until this holds. */
async function withSuccessors(stage: Stage, countMax: number, isOver: () => boolean): Promise<number> {
  for (let count = 1; count <= countMax; count += 1) {
    const worker = await stage.process(`successor-${count}`);
    await stage.until("a worker is lost, or the end", () => isOver() || !worker.isAlive);
    if (isOver()) return count;
  }
  return countMax;
}

export const scenarios: readonly Scenario[] = [
  {
    of: "budgets",
    title: "Q4, S5: workers that are lost cost a step none of its retries",
    mutant: {
      breaks: "lost starts have a budget of their own, which is larger",
      edits: [
        {
          file: "packages/core/src/run/retry-policy.ts",
          find: "export const deliveriesMax = 10;",
          replace: "export const deliveriesMax = 2;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => await step("once")()`,
        steps: { once: ({ body }) => ({ kind: "value", value: [body.attempt, body.delivery], latencyMs: 500 }) },
        maxRetries: { once: 0 },
      });
      let runId = "";
      for (const name of ["one", "two", "three"]) {
        const worker: SimProcess = await stage.process(name);
        if (runId === "") runId = await stage.start(worker);
        await stage.until("the body runs", () => stage.bodies.countRunning() > 0);
        await stage.runFor(100);
        worker.crash();
      }
      await stage.process("four");
      stage.equal(await stage.result(runId, 20_000), [1, 4], "attempt and delivery");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "budgets",
    title: "Q3: a step that kills every worker comes to an end, and the workflow meets it as StepLostError",
    mutant: {
      breaks: "lost starts of one attempt are counted",
      edits: [
        {
          file: "packages/core/src/run/turn-facts.ts",
          find: "  if (delivery <= deliveriesMax || call === undefined) return [started];",
          replace: "  if (delivery > 0 || call === undefined) return [started];",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          try {
            return await step("deadly")();
          } catch (error) {
            return error.name;
          }
        }`,
        steps: { deadly: value(null, 0) },
      });
      const one = await stage.process("one");
      stage.when({ probe: "step:begin", nth: "every", incident: (who) => who.crash() });
      const runId = await stage.start(one);
      const lost = await withSuccessors(stage, 14, () => stage.record(runId).endedAt !== null);
      stage.equal(await stage.result(runId, 0), "StepLostError", "what the workflow met");
      stage.equal(lost < 14, true, `${lost} workers were needed, which is a bound`);
      stage.judge();
      stage.close();
    },
  },
  {
    of: "budgets",
    title: "Q4, S5: ten healthy deploys in a row, each in the middle of a step, cost neither a start nor a retry",
    mutant: {
      breaks: "a worker that stops records what its running bodies come to",
      always: true,
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: "    if (results.size > 0) {",
          replace: '    if (results.size > 0 && closing.kind === "park") {',
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          let sum = 0;
          for (let round = 0; round < 10; round++) sum = await step("add")(sum);
          return sum;
        }`,
        steps: { add: ({ args: [sum] }) => ({ kind: "value", value: Number(sum) + 1, latencyMs: 300 }) },
        maxRetries: { add: 0 },
      });
      let worker = await stage.process("deploy-0");
      const runId = await stage.start(worker);
      for (let deploy = 1; deploy <= 10; deploy += 1) {
        await stage.until("a body runs", () => stage.bodies.countRunning() > 0);
        worker.stop();
        const next = await stage.process(`deploy-${deploy}`);
        const gone = worker;
        await stage.until("the old worker is gone", () => !gone.isAlive);
        worker = next;
      }
      stage.equal(await stage.result(runId, 20_000), 10, "the result");
      stage.equal(stage.bodies.runs.length, 10, "starts of bodies");
      stage.equal(
        stage.bodies.runs.every(({ attempt, delivery }) => attempt === 1 && delivery === 1),
        true,
        "first starts",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "budgets",
    title:
      "Q3: a run that kills its workers before it gets anywhere is parked as stalled, and goes on when it is put back",
    mutant: {
      breaks: "claims that were lost without progress are counted",
      edits: [
        {
          file: "packages/world/src/claim-rules.ts",
          find: "  if (expiries >= expiriesMax) {",
          replace: "  if (expiries >= expiriesMax * 100) {",
        },
      ],
    },
    async play() {
      const stage = new Stage({ workflow: `async () => "done"` });
      const runId = await stage.create();
      let isDeadly = true;
      const kill = (who: { crash(): void }): void => {
        if (isDeadly) who.crash();
      };
      stage.when({ probe: "read:answered", nth: "every", incident: kill });
      await withSuccessors(stage, 8, () => stage.record(runId).parked !== null);
      stage.equal([stage.record(runId).status, stage.record(runId).parked?.reason], ["pending", "stalled"], "the run");
      isDeadly = false;
      await stage.store.connect().unpark(runId);
      stage.equal(await stage.result(runId, 10_000), "done", "the result");
      stage.judge();
      stage.close();
    },
  },
];
