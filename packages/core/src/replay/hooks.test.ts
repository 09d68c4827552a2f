import { describe, expect, it } from "vitest";
import { tokenHash } from "./correlation-id.ts";
import { given } from "./history.testing.ts";

const closing = `async (count) => {
  const hook = createHook({ token: "t" });
  const got = [];
  for (let index = 0; index < count; index++) got.push(await hook);
  return got;
}`;

describe("a hook", () => {
  it("is registered by the delivery that creates it, with the hash of its token", () => {
    const run = given(
      `async () => { const hook = createHook({ token: "secret", metadata: { a: 1 } }); return await hook; }`,
    ).start();
    expect(run.log.at(-1)).toMatchObject({
      type: "hook_created",
      data: { ordinal: 1, tokenHash: tokenHash("secret") },
    });
    expect(run.log.some((event) => JSON.stringify(event).includes("secret"))).toBe(false);
    run.receives("hook#1", { ok: true }).replaysEqually();
    expect(run.result()).toEqual({ ok: true });
  });

  it("gives payloads in order, each once, those that came early too", () => {
    const run = given(closing).start(3);
    run.receives("hook#1", 1).receives("hook#1", 2).receives("hook#1", 3).replaysEqually();
    expect(run.result()).toEqual([1, 2, 3]);
  });

  it("keeps what arrives while nobody waits", () => {
    const run = given(
      `async () => { const hook = createHook(); await step("a")(); return [await hook, await hook]; }`,
    ).start();
    run.receives("hook#1", 1).receives("hook#1", 2).completes("a#1", 0).replaysEqually();
    expect(run.result()).toEqual([1, 2]);
  });

  it("raced against a sleep in a loop loses no payload", () => {
    const run = given(`async () => {
      const hook = createHook();
      const got = [];
      while (got.length < 3) {
        const payload = await Promise.race([hook, sleep(10).then(() => "tick")]);
        got.push(payload);
        if (payload === "tick") got.pop();
      }
      return got;
    }`).start();
    run.wakes("sleep#1").wakes("sleep#2").receives("hook#1", "a").wakes("sleep#4");
    run.happens([run.payload("hook#1", "b"), run.payload("hook#1", "c")]).replaysEqually();
    expect(run.result()).toEqual(["a", "b", "c"]);
  });

  it("can be iterated, and a next() that is carried over keeps its payload", () => {
    const run = given(`async () => {
      const hook = createHook();
      const iterator = hook[Symbol.asyncIterator]();
      const got = [];
      let next = iterator.next();
      while (got.length < 3) {
        const winner = await Promise.race([next.then((item) => item.value), sleep(10).then(() => "tick")]);
        got.push(winner);
        if (winner !== "tick") next = iterator.next();
        await step("work")(winner);
      }
      return got;
    }`).start();
    run.wakes("sleep#1").receives("hook#1", "a").completes("work#1", 0).completes("work#2", 0);
    run.wakes("sleep#3").receives("hook#1", "late").completes("work#3", 0).replaysEqually();
    expect(run.result()).toEqual(["tick", "a", "tick"]);
  });

  it("feeds for await until it is disposed of, and keeps listening after a break", () => {
    const run = given(`async () => {
      const hook = createHook();
      const got = [];
      for await (const payload of hook) { got.push(payload); if (payload === "stop") break; }
      for await (const payload of hook) { got.push(payload); if (payload === "end") hook.dispose(); }
      return got;
    }`).start();
    for (const payload of ["a", "stop", "b", "end"]) run.receives("hook#1", payload);
    run.replaysEqually();
    expect(run.result()).toEqual(["a", "stop", "b", "end"]);
    expect(run.log.slice(-2).map((event) => event.type)).toEqual(["hook_disposed", "run_completed"]);
  });

  it("ends an iterator that waits when it is disposed of, once", () => {
    const run = given(`async () => {
      const hook = createHook();
      const loop = (async () => { for await (const payload of hook) console.log(payload); return "over"; })();
      await step("a")();
      hook.dispose(); hook.dispose(); hook[Symbol.dispose]();
      return await loop;
    }`).start();
    run.completes("a#1", 0).replaysEqually();
    expect(run.result()).toBe("over");
    expect(run.decisions().filter((label) => label === "hook_disposed")).toHaveLength(1);
  });

  it("that was disposed of never settles, so that only what else is open can end the run", () => {
    const run = given(`async () => { const hook = createHook(); hook.dispose(); await hook; }`).start();
    expect(run.failure()).toMatchObject({ code: "WORKFLOW_STUCK" });
    run.replaysEqually();
  });

  it.each(["''", "5", "null"])("refuses the token %s", (token) => {
    const run = given(`async () => { createHook({ token: ${token} }); }`).start();
    expect(run.failure()).toMatchObject({ code: "SERIALIZATION_FAILED", error: { path: "token" } });
  });

  it("has an unpredictable token of its own by default", () => {
    const run = given(
      `async () => { const hooks = [createHook(), createHook()]; return hooks.map((hook) => hook.token); }`,
    ).start();
    const tokens = run.result() as string[];
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect(token).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it("shares one payload among those who wait for it together", () => {
    const run = given(
      `async () => { const hook = createHook(); const both = await Promise.all([hook, hook]); return [both, await hook]; }`,
    ).start();
    run.receives("hook#1", 1).receives("hook#1", 2).replaysEqually();
    expect(run.result()).toEqual([[1, 1], 2]);
  });
});

describe("a token that another run holds", () => {
  it("rejects whoever awaits or iterates, also later", () => {
    const run = given(`async () => {
      const hook = createHook({ token: "taken" });
      const caught = [];
      try { await hook; } catch (error) { caught.push(HookConflictError.is(error), error instanceof HookConflictError, error.token, error.conflictingRunId); }
      try { for await (const payload of hook) caught.push(payload); } catch (error) { caught.push(error.name); }
      hook.dispose();
      return caught;
    }`);
    run.conflicting(1, "wrun_OTHER").start().replaysEqually();
    expect(run.log.map((event) => event.type)).toEqual([
      "run_created",
      "run_started",
      "hook_conflict",
      "run_completed",
    ]);
    expect(run.result()).toEqual([true, true, "taken", "wrun_OTHER", "HookConflictError"]);
  });

  it("leaves the decisions of the same turn as they are", () => {
    const run = given(`async () => {
      const hook = createHook({ token: "taken" });
      const a = step("a")();
      const caught = await hook.then(() => "payload", () => "conflict");
      return [caught, await a, await step("b")(caught)];
    }`).conflicting(1, "wrun_OTHER");
    run.start().completes("a#1", 1).completes("b#1", 2).replaysEqually();
    expect(run.decisions()).toEqual(["a#1", "b#1", "run_completed"]);
    expect(run.result()).toEqual(["conflict", 1, 2]);
  });

  it("is no unhandled rejection when nobody asks", () => {
    const run = given(`async () => { createHook({ token: "taken" }); await step("a")(); return 1; }`).conflicting(
      1,
      "wrun_OTHER",
    );
    run.start().completes("a#1", 0).replaysEqually();
    expect(run.result()).toBe(1);
  });

  it("that is disposed of in the turn that created it is disposed of in the log too", () => {
    const run = given(
      `async () => { createHook({ token: "taken" }).dispose(); await step("a")(); return 1; }`,
    ).conflicting(1, "wrun_OTHER");
    run.start().completes("a#1", 0).replaysEqually();
    expect(run.log.map((event) => event.type)).toContain("hook_disposed");
  });
});

describe("getConflict", () => {
  const source = `async () => {
    const hook = createHook({ token: "t" });
    const conflict = await hook.getConflict();
    const again = await hook.getConflict();
    return [conflict, again];
  }`;

  it("is null once the log shows that the token is ours", () => {
    const run = given(source).start();
    expect(run.decisions()).toEqual(["hook#1", "sleep#1"]);
    run.wakes("sleep#1").replaysEqually();
    expect(run.result()).toEqual([null, null]);
  });

  it("names the run that holds the token", () => {
    const run = given(source).conflicting(1, "wrun_OTHER").start().wakes("sleep#1").replaysEqually();
    expect(run.result()).toEqual([{ runId: "wrun_OTHER" }, { runId: "wrun_OTHER" }]);
  });

  it("needs no wait after a payload", () => {
    const run = given(
      `async () => { const hook = createHook({ token: "t" }); await hook; return await hook.getConflict(); }`,
    ).start();
    run.receives("hook#1", 1).replaysEqually();
    expect(run.decisions()).toEqual(["hook#1", "run_completed"]);
    expect(run.result()).toBeNull();
  });
});
