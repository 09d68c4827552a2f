/**
 * Steps that declare a transaction, driven by the engine. The world in memory takes part in a transaction of a program that
 * keeps its data in a list; what a database does beyond that is tested with a database.
 */
import { NotInStepContextError, StoreError } from "@perdure/errors";
import type { StepTransaction, World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { getStepTransaction } from "../step/context.ts";
import { Harness, program } from "./harness.testing.ts";

/** What became of a commit: it is made as usual, or made and its answer lost, or undone and that not known. */
type Commit = "answered" | "lost after" | "lost before";

interface Program {
  readonly harness: Harness;
  /** What was committed, in order. */
  readonly committed: string[];
  /** How many transactions were begun. */
  begun: number;
}

function openProgram(commits: Commit[] = []): Program {
  const committed: string[] = [];
  const wrap = (world: World): World => ({
    ...world,
    transactions: {
      create: () => Promise.reject(new TypeError("no run is created here")),
      append: async (runId, body) => {
        opened.begun += 1;
        const writes: string[] = [];
        const request = await body(transactionOf(writes));
        const commit = commits.shift() ?? "answered";
        const lost = new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
        if (commit === "lost before") throw lost;
        const before = (await harness.log(runId)).length;
        const answer = await world.log.append(runId, request);
        if (answer.kind === "appended" && answer.tail > before) committed.push(...writes);
        if (commit === "lost after") throw lost;
        return answer;
      },
    },
  });
  const harness = new Harness({ wrap });
  const opened: Program = { harness, committed, begun: 0 };
  return opened;
}

const transactionOf = (writes: string[]): StepTransaction => ({
  query: async (statement) => {
    writes.push(typeof statement === "string" ? statement : statement.text);
    return { rows: [], rowCount: 1 };
  },
});

type Body = (...args: never[]) => unknown;

const transactional = <B extends Body>(body: B, options: { readonly maxRetries?: number } = {}): B =>
  Object.assign(body, { transaction: true, ...options });

const charge = transactional(async (amount: number) => {
  await getStepTransaction().query(`charge ${amount}`);
  return amount * 2;
});

const one = `async (amount) => await step("charge")(amount)`;
const some = `async () => { const charge = step("charge"); const first = await charge(1);
  const [second, third] = await Promise.all([charge(first), charge(10)]); return [first, second, third]; }`;

const typesOf = async ({ harness }: Program, runId: string) =>
  (await harness.log(runId)).filter(({ type }) => type.startsWith("step_")).map(({ type }) => type);

describe("a transactional step", () => {
  it("that runs in the background is recorded with its commit too", async () => {
    const opened = openProgram();
    const worker = await opened.harness.worker();
    const body = async (amount: number) =>
      await getStepTransaction()
        .query(`charge ${amount}`)
        .then(() => amount * 2);
    const charge = Object.assign(transactional(body), { dispatch: "background" });
    const runId = await opened.harness.start(worker, program(one, { charge }), [21]);
    expect(await opened.harness.result(runId, 60_000)).toBe(42);
    expect([opened.committed, opened.begun]).toEqual([["charge 21"], 1]);
    expect(await typesOf(opened, runId)).toEqual(["step_created", "step_completed"]);
  });

  it("is recorded with its commit, and the workflow goes on with its result", async () => {
    const opened = openProgram();
    const worker = await opened.harness.worker();
    const runId = await opened.harness.start(worker, program(some, { charge }));
    expect(await opened.harness.result(runId)).toEqual([2, 4, 20]);
    expect(opened.committed.toSorted()).toEqual(["charge 1", "charge 10", "charge 2"]);
    const results = (await opened.harness.log(runId)).filter(({ type }) => type === "step_completed");
    expect(results.map(({ epoch }) => epoch)).toEqual([null, null, null]);
    expect(results.map(({ key }) => key)).toEqual(results.map(({ correlationId }) => `${correlationId}/1/1`));
    expect(opened.harness.errors).toEqual([]);
    expect(opened.begun).toBe(3);
  });

  it("does so in the strict mode too, and beside steps that declare none", async () => {
    const opened = openProgram();
    const worker = await opened.harness.worker({ mode: "replay" });
    const both = `async () => { const [a, b] = await Promise.all([step("charge")(1), step("plain")()]);
      return [a, b, await step("charge")(5)]; }`;
    const runId = await opened.harness.start(worker, program(both, { charge, plain: async () => "plain" }));
    expect(await opened.harness.result(runId)).toEqual([2, "plain", 10]);
    expect(opened.committed).toHaveLength(2);
  });

  it("that throws has committed nothing, and is tried again as any other step", async () => {
    const opened = openProgram();
    let attempts = 0;
    const flaky = transactional(async () => {
      attempts += 1;
      await getStepTransaction().query(`attempt ${attempts}`);
      if (attempts === 1) throw new RangeError("once");
      return attempts;
    });
    const worker = await opened.harness.worker();
    const runId = await opened.harness.start(worker, program(`async () => await step("flaky")()`, { flaky }));
    expect(await opened.harness.result(runId)).toBe(2);
    expect(opened.committed).toEqual(["attempt 2"]);
    expect(await typesOf(opened, runId)).toEqual(["step_created", "step_retrying", "step_completed"]);
  });

  it("whose result cannot be stored fails, and has committed nothing", async () => {
    const opened = openProgram();
    const strange = transactional(async () => {
      await getStepTransaction().query("never");
      return () => "a function";
    });
    const caught = `async () => { try { await step("strange")(); } catch (error) { return error.name; } }`;
    const worker = await opened.harness.worker();
    const runId = await opened.harness.start(worker, program(caught, { strange }));
    expect(await opened.harness.result(runId)).toBe("SerializationError");
    expect(opened.committed).toEqual([]);
  });

  it("whose run is cancelled meanwhile has committed nothing", async () => {
    const opened = openProgram();
    const { harness } = opened;
    const gate = Promise.withResolvers<void>();
    const slow = transactional(async () => {
      await getStepTransaction().query("never");
      await gate.promise;
    });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(`async () => await step("slow")()`, { slow }));
    await harness.env.advance(10);
    const fact = {
      type: "run_cancelled",
      correlationId: null,
      at: null,
      data: { reason: null },
      payload: null,
    } as const;
    await harness.world.log.append(runId, { by: "outside", key: "cancel", fact });
    gate.resolve();
    await harness.env.until(() => worker.engine.claimedCount === 0);
    expect((await harness.record(runId)).status).toBe("cancelled");
    expect(opened.committed).toEqual([]);
    expect(harness.errors).toEqual([]);
  });

  it("whose worker was lost has committed nothing once the next delivery has begun", async () => {
    const opened = openProgram();
    const { harness } = opened;
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let starts = 0;
    const slow = transactional(async () => {
      const start = starts++;
      await getStepTransaction().query(`start ${start}`);
      await gates[start]?.promise;
      return start;
    });
    const lost = await harness.worker();
    const runId = await harness.start(lost, program(`async () => await step("slow")()`, { slow }));
    await harness.env.advance(10);
    lost.die();
    await harness.worker();
    await harness.env.until(() => starts === 2);
    gates[0]?.resolve();
    await harness.env.advance(10);
    expect(opened.committed).toEqual([]);
    gates[1]?.resolve();
    expect(await harness.result(runId)).toBe(1);
    expect(opened.committed).toEqual(["start 1"]);
  });

  it("whose worker stops is recorded, and its run given back", async () => {
    const opened = openProgram();
    const { harness } = opened;
    const gate = Promise.withResolvers<void>();
    const slow = transactional(async () => {
      await getStepTransaction().query("slow");
      await gate.promise;
      return "done";
    });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(`async () => await step("slow")()`, { slow }));
    await harness.env.advance(10);
    const stopped = worker.engine.stop(60_000);
    gate.resolve();
    await stopped;
    expect(await harness.record(runId)).toMatchObject({ owner: null, tail: 4, status: "running" });
    await harness.worker();
    expect(await harness.result(runId)).toBe("done");
    expect(opened.committed).toEqual(["slow"]);
  });

  it("needs a world that takes part in transactions: it fails on another one, and says which do", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(one, { charge }), [1]);
    const failed: unknown = await harness.result(runId).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: "STORE_UNSUPPORTED",
      hint: expect.stringContaining("@perdure/world-postgres"),
    });
    expect(await typesOf({ harness, committed: [], begun: 0 }, runId)).toEqual(["step_created", "step_failed"]);
  });
});

describe("of a commit whose outcome is unknown", () => {
  it.each([0, 3])("the log has the result, and the step is not run again (%i retries)", async (maxRetries) => {
    const opened = openProgram(["lost after"]);
    const worker = await opened.harness.worker();
    const body = transactional(async (amount: number) => await charge(amount as never), { maxRetries });
    const runId = await opened.harness.start(worker, program(one, { charge: body }), [3]);
    expect(await opened.harness.result(runId)).toBe(6);
    expect(opened.committed).toEqual(["charge 3"]);
    expect(await typesOf(opened, runId)).toEqual(["step_created", "step_completed"]);
    expect(opened.begun).toBe(1);
  });

  it("that was not made, the attempt has failed, and the next one is committed", async () => {
    const opened = openProgram(["lost before"]);
    const worker = await opened.harness.worker();
    const runId = await opened.harness.start(worker, program(one, { charge }), [3]);
    expect(await opened.harness.result(runId)).toBe(6);
    expect(opened.committed).toEqual(["charge 3"]);
    expect(await typesOf(opened, runId)).toEqual(["step_created", "step_retrying", "step_completed"]);
  });
});

describe("getStepTransaction", () => {
  it("works in no step that does not declare a transaction, and says how to", async () => {
    const harness = new Harness();
    const plain = async () => {
      try {
        getStepTransaction();
      } catch (error) {
        return NotInStepContextError.is(error) ? error.message : "another error";
      }
      return "a transaction";
    };
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(`async () => await step("plain")()`, { plain }));
    expect(await harness.result(runId)).toContain("`transaction = true`");
  });

  it("works in no code outside of a step", () => {
    expect(() => getStepTransaction()).toThrow(expect.objectContaining({ code: "NOT_IN_STEP_CONTEXT" }));
  });
});
