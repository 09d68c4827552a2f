import { FatalError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { Execution } from "./execution.ts";
import { bundleOf, given, payloadOf, realmFor, runCreated } from "./history.testing.ts";

describe("operations", () => {
  it("are asked for one after the other, and the run returns", () => {
    const run = given(`async (order) => {
      const charged = await step("charge")(order, 2);
      await sleep("10s");
      return { charged, shipped: await step("ship")(charged) };
    }`)
      .start({ id: 7 })
      .completes("charge#1", "c1")
      .wakes("sleep#1")
      .completes("ship#1", [1]);
    expect(run.decisions()).toEqual(["charge#1", "sleep#1", "ship#1", "run_completed"]);
    expect(run.result()).toEqual({ charged: "c1", shipped: [1] });
    run.replaysEqually();
  });

  it("carry the cause, the clock, the arguments and the shape", () => {
    const module = `function pay(order, retries) { return __perdure.callStep("step//./p//pay", "pay", "(order,retries)", arguments); }`;
    const run = given("async () => { await pay({ id: 1 }, 3); await pay(); }", { moduleCode: module }).start();
    const [planned] = run.log.filter((event) => event.type === "step_created");
    expect(planned).toMatchObject({
      cause: 2,
      at: run.log[1]?.at,
      data: {
        stepId: "step//./p//pay",
        name: "pay",
        ordinal: 1,
        shape: "(order,retries)",
        dispatch: "inline",
        attempt: 1,
      },
    });
    run.completes("pay#1", 0).completes("pay#2", 0);
    expect(run.log.map((event) => event.correlationId).filter((id) => id !== null)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^step_[0-9A-HJKMNP-TV-Z]{26}$/)]),
    );
    run.replaysEqually();
  });

  it("count per step id, so that a call in one place renumbers nothing elsewhere", () => {
    const ids = (extra: string) =>
      given(
        `async () => { ${extra} step("a")(); sleep(5); step("a")(); createHook({ token: "t" }); await new Promise(() => {}); }`,
      )
        .start()
        .log.filter((event) => event.correlationId !== null && !JSON.stringify(event.data).includes("//extra"))
        .map((event) => event.correlationId);
    expect(ids(`step("extra")(1); step("extra")(2);`)).toEqual(ids(""));
  });

  it("differ by run", () => {
    const ids = ["wrun_1", "wrun_2"].map(
      (runId) => given(`async () => { await step("a")(); }`, { runId }).start().log.at(-1)?.correlationId,
    );
    expect(new Set(ids).size).toBe(2);
  });

  it.each([
    ["10", 10, null],
    ["'10s'", 10_000, null],
    ["'1 day'", 86_400_000, null],
    ["'2 hours'", 7_200_000, null],
    ["'1w'", 604_800_000, null],
    ["0", 0, null],
    ["new Date(5)", null, 5],
  ])("sleep(%s)", (argument, durationMs, resumeAt) => {
    const run = given(`async () => { await sleep(${argument}); }`).start();
    expect(run.log.at(-1)).toMatchObject({ type: "wait_created", data: { ordinal: 1, durationMs } });
    if (resumeAt !== null) expect(run.log.at(-1)?.data).toMatchObject({ resumeAt });
    run.wakes("sleep#1").replaysEqually();
  });

  it.each(["-1", "NaN", "Infinity", "'soon'", "'-5s'", "new Date(NaN)", "null", "{}", "1e300"])(
    "sleep(%s) throws",
    (argument) => {
      const run = given(`async () => { try { sleep(${argument}); } catch (error) { return error; } }`).start();
      expect(run.result()).toMatchObject({ code: "INVALID_DURATION" });
    },
  );

  it("at the top level of a module are refused, and the run fails with the place", () => {
    for (const call of [`step("a")()`, "sleep(5)", "createHook()", "getWorkflowMetadata()"]) {
      const run = given("async () => 1", { moduleCode: `${call};` }).start();
      expect(run.failure()).toMatchObject({ code: "USER_ERROR", error: { code: "NOT_IN_WORKFLOW_CONTEXT" } });
      expect(run.decisions()).toEqual(["run_failed"]);
      run.replaysEqually();
    }
  });

  it("take what the arguments were when the step was called", () => {
    const run = given(`async () => {
      const order = { items: [1], bytes: new Uint8Array([1, 2]) };
      const first = step("a")(order);
      order.items.push(2); order.bytes[0] = 9;
      const second = step("a")(order);
      await Promise.all([first, second]);
    }`).start();
    const created = run.log.filter((event) => event.type === "step_created").map((event) => event.payload);
    expect(created).toEqual([
      payloadOf([{ items: [1], bytes: new Uint8Array([1, 2]) }]),
      payloadOf([{ items: [1, 2], bytes: new Uint8Array([9, 2]) }]),
    ]);
    run.happens([run.completion("a#1", 0), run.completion("a#2", 0)]).replaysEqually();
  });

  it("reject with the path for arguments that cannot be stored, and take no ordinal", () => {
    const run = given(`async () => {
      const failed = await step("a")({ deep: { cb: () => 1 } }).catch((error) => error);
      return [failed, await step("a")("fine")];
    }`)
      .start()
      .completes("a#1", "ok");
    expect(run.decisions()).toEqual(["a#1", "run_completed"]);
    expect(run.result()).toMatchObject([{ code: "SERIALIZATION_FAILED", path: "[0].deep.cb" }, "ok"]);
    run.replaysEqually();
  });
});

describe("results", () => {
  it("are made of the classes of the realm, each time anew", () => {
    const run = given(`async () => {
      const value = await step("a")();
      const seen = [value.map instanceof Map, value.error instanceof TypeError, value.error.cause instanceof Error,
        value.bytes instanceof Uint8Array, value.date instanceof Date, value.url instanceof URL, value.list instanceof Array,
        Object.getPrototypeOf(value) === Object.prototype, value.bytes.buffer instanceof ArrayBuffer, [...value.bytes]];
      value.list.push("mutated"); value.map.clear(); value.bytes[0] = 99;
      await step("b")(value.list);
      return seen;
    }`).start();
    const value = {
      map: new Map([[1, 2]]),
      error: new TypeError("t", { cause: new Error("c") }),
      bytes: new Uint8Array([7, 8]),
      date: new Date(0),
      url: new URL("http://a/"),
      list: [1],
    };
    run.completes("a#1", value);
    expect(run.log.at(-1)?.payload).toEqual(payloadOf([[1, "mutated"]]));
    run.completes("b#1", 0);
    expect(run.result()).toEqual([...Array(9).fill(true), [7, 8]]);
    run.replaysEqually();
  });

  it.each([undefined, null, true, 0, -0, Number.NaN, "text", "x".repeat(5000), 10n ** 30n, [], {}])(
    "of %s arrive",
    (value) => {
      const run = given(`async () => ({ got: await step("a")() })`).start().completes("a#1", value);
      expect(run.result()).toEqual({ got: value });
      run.replaysEqually();
    },
  );

  it("that are errors reject, with their class and what hangs on them", () => {
    const run = given(`async () => {
      try { await step("a")(); } catch (error) {
        return [error instanceof FatalError, FatalError.is(error), error.message, error.cause instanceof RangeError, error.cause.message];
      }
    }`)
      .start()
      .fails("a#1", new FatalError("no", { cause: new RangeError("r") }));
    expect(run.result()).toEqual([true, true, "no", true, "r"]);
    run.replaysEqually();
  });
});

describe("the end of a run", () => {
  it("comes after the steps that were first asked for in the returning turn", () => {
    const run = given(
      `async () => { void step("late")(); Promise.resolve().then(() => step("later")()); return 1; }`,
    ).start();
    expect(run.decisions()).toEqual(["late#1", "later#1", "run_completed"]);
    run.replaysEqually();
  });

  it("is followed by nothing: later facts are not delivered", () => {
    const run = given(
      `async () => { const slow = step("slow")().then(() => console.log("never")); await step("fast")(); return 1; }`,
    ).start();
    run.happens([run.completion("fast#1", 0), run.completion("slow#1", 0)]);
    expect(run.execution.ended).toBe(true);
    expect(run.lines).toEqual([]);
    expect(run.decisions().at(-1)).toBe("run_completed");
    run.replaysEqually();
  });

  it("is a failure with the class, message, cause and own properties of what was thrown", () => {
    class Late {}
    const run = given(`async () => {
      class OrderError extends Error { constructor(message, options) { super(message, options); this.name = "OrderError"; this.orderId = 7; } }
      throw new OrderError("bad", { cause: new TypeError("why") });
    }`).start();
    expect(run.failure()).toMatchObject({
      code: "USER_ERROR",
      error: { name: "OrderError", message: "bad", orderId: 7, cause: { name: "TypeError", message: "why" } },
    });
    expect(Late.name).toBe("Late");
    run.replaysEqually();
  });

  it.each([
    ["throw 5", 5],
    ["throw undefined", undefined],
    ["throw { a: 1 }", { a: 1 }],
    ["throw Symbol('s')", expect.objectContaining({ message: "Symbol(s)" })],
    ["throw () => 1", expect.objectContaining({ message: "() => 1" })],
    [
      "const error = new RangeError('m'); error.request = () => 1; throw error",
      expect.objectContaining({ name: "RangeError", message: "m" }),
    ],
    [
      "throw new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; } })",
      expect.objectContaining({ message: expect.any(String) }),
    ],
  ])("%s", (statement, expected) => {
    const run = given(`async () => { ${statement}; }`).start();
    expect(run.failure()).toEqual({ code: "USER_ERROR", error: expected });
    run.replaysEqually();
  });

  it("is a failure when the result cannot be stored", () => {
    const run = given("async () => ({ rows: [{ cb() {} }] })").start();
    expect(run.failure()).toMatchObject({ code: "SERIALIZATION_FAILED", error: { path: ".rows[0].cb" } });
    run.replaysEqually();
  });

  it("is a failure when nothing can ever wake it", () => {
    const run = given(`async () => { await step("a")(); await new Promise(() => {}); }`).start().completes("a#1", 0);
    expect(run.failure()).toMatchObject({ code: "WORKFLOW_STUCK", error: { code: "WORKFLOW_STUCK" } });
    expect((run.failure().error as Error).message).toContain("The last that it asked for was step a #1.");
    run.replaysEqually();
  });

  it("is never failed by a stack overflow: that parks the run", () => {
    const run = given("async () => { const deep = () => deep() + 1; return deep(); }").start();
    expect(run.fault).toMatchObject({ reason: "runaway", position: 2 });
    expect(run.execution.dead).toBe(true);
  });

  it("comes at once with a cancellation: no code runs any more", () => {
    const run = given(
      `async () => { try { await step("a")(); } finally { console.log("finally"); await step("b")(); } }`,
    ).start();
    run.cancelled();
    expect(run.execution.ended).toBe(true);
    expect(run.execution.view.status).toBe("cancelled");
    expect(run.lines).toEqual([]);
    expect(run.decisions()).toEqual(["a#1"]);
    run.replaysEqually();
  });

  it("is a failure of the run when the bundle's own code throws", () => {
    const run = given("async () => 1", { moduleCode: "throw new TypeError('at load');" }).start();
    expect(run.failure()).toMatchObject({ code: "USER_ERROR", error: { name: "TypeError", message: "at load" } });
  });
});

describe("console lines", () => {
  const source = `async () => { console.log("one"); await step("a")(); console.log("two"); await step("b")(); console.log("three"); }`;

  it("of deliveries that an earlier execution made are marked as replayed", () => {
    const run = given(source).start().completes("a#1", 0);
    const execution = run.openExecution(realmFor(run.bundle));
    expect(execution.consume(run.log.slice(1))).toBeNull();
    expect(execution.takeConsole()).toEqual([
      { level: "log", text: "one", replayed: true },
      { level: "log", text: "two", replayed: true },
    ]);
    expect(execution.takeConsole()).toEqual([]);
  });

  it("are marked so however long the log is, and wherever a call into the realm ends", () => {
    const many = 1_100;
    const run = given(`async () => { const h = createHook({ token: "t" }); let n = 0;
      for await (const payload of h) { console.log(payload); if (++n === ${many}) break; } }`).start();
    for (let n = 1; n <= many; n += 1) run.receives("hook#1", n);
    const execution = run.openExecution(realmFor(run.bundle));
    expect(execution.consume(run.log.slice(1))).toBeNull();
    const lines = execution.takeConsole();
    expect(lines).toHaveLength(many);
    expect(lines.filter(({ replayed }) => !replayed)).toEqual([]);
  });

  it("of a fact that nobody has acted upon yet are new", () => {
    const run = given(source).start().completes("a#1", 0);
    const last = run.log.findIndex((event) => event.type === "step_completed");
    const execution = run.openExecution(realmFor(run.bundle));
    execution.consume(run.log.slice(1, last + 1));
    expect(execution.takeConsole().map((line) => line.replayed)).toEqual([true, false]);
  });
});

describe("metadata", () => {
  it("names the run and is fresh for every call", () => {
    const run = given(`async () => {
      const first = getWorkflowMetadata(); first.workflowRunId = "changed"; first.workflowStartedAt.setTime(0);
      return getWorkflowMetadata();
    }`).start();
    expect(run.result()).toEqual({
      workflowName: "main",
      workflowRunId: "wrun_00000000000000000000000001",
      workflowStartedAt: new Date(run.log[1]?.at ?? 0),
      url: "",
      features: { encryption: false },
    });
  });
});

describe("an input that is not a list of arguments", () => {
  it("parks the run", () => {
    const bundle = bundleOf("async () => 1");
    const created = { ...runCreated(bundle, []), payload: payloadOf("text") };
    const execution = Execution.open({ runId: "wrun_1", created, realm: realmFor(bundle), memo: null });
    const started = {
      type: "run_started",
      correlationId: null,
      at: created.at,
      data: {},
      payload: null,
      position: 2,
    } as const;
    expect(execution.deliver([started])).toMatchObject({ reason: "undecodable" });
  });
});
