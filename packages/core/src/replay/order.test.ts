/** The order in which code sees results is the order of the log, whatever the number of microtask hops on the way. */
import { describe, expect, it } from "vitest";
import { given, type History } from "./history.testing.ts";

const hops = Array.from({ length: 17 }, (_, count) => count);

/** Both results in one turn, in this order. */
function bothAt(run: History, order: readonly string[]): History {
  return run.happens(order.map((step) => run.completion(step, step)));
}

describe.each(hops)("with %i extra hops on the branch of a", (count) => {
  const branches = `async (count) => {
    const order = [];
    const branch = async (promise, hops) => { const value = await promise; for (let hop = 0; hop < hops; hop++) await null; order.push(value); };
    await Promise.all([branch(step("a")(), count), branch(step("b")(), 0)]);
    return order;
  }`;

  it.each([[["a#1", "b#1"]], [["b#1", "a#1"]]])("branches go on in the order %s", (order) => {
    const run = bothAt(given(branches).start(count), order).replaysEqually();
    expect(run.result()).toEqual(order);
  });

  it.each([[["a#1", "b#1"]], [["b#1", "a#1"]]])("a race is won by the first of %s", (order) => {
    const source = `async (count) => {
      const slow = async (promise) => { const value = await promise; for (let hop = 0; hop < count; hop++) await null; return value; };
      return await Promise.race([slow(step("a")()), step("b")()]);
    }`;
    const run = bothAt(given(source).start(count), order).replaysEqually();
    expect(run.result()).toBe(order[0]);
  });
});

describe("decisions that follow from two results", () => {
  it("are made in the order of the log", () => {
    const source = `async () => {
      const then = async (name) => { await step(name)(); if (name === "a") for (let hop = 0; hop < 9; hop++) await null; await step("after-" + name)(); };
      await Promise.all(["a", "b"].map(then));
    }`;
    const forth = bothAt(given(source).start(), ["a#1", "b#1"]);
    const back = bothAt(given(source).start(), ["b#1", "a#1"]);
    expect(forth.decisions().slice(2)).toEqual(["after-a#1", "after-b#1"]);
    expect(back.decisions().slice(2)).toEqual(["after-b#1", "after-a#1"]);
    for (const run of [forth, back]) bothAt(run, ["after-a#1", "after-b#1"]).replaysEqually();
  });
});

describe("combinators see results in log order", () => {
  it.each([
    ["Promise.any([step('a')(), step('b')()])", "b#1"],
    ["Promise.race([step('a')().catch(() => new Promise(() => {})), step('b')()])", "b#1"],
    [
      "Promise.allSettled([step('a')(), step('b')()]).then((all) => all.map((one) => one.status).join())",
      "rejected,fulfilled",
    ],
    ["Promise.race([step('a')(), sleep(5).then(() => 'timeout')]).catch((error) => error.message)", "no"],
  ])("%s", (expression, expected) => {
    const run = given(`async () => await ${expression}`).start();
    const facts = [run.rejection("a#1", new Error("no"))];
    if (run.open().includes("b#1")) facts.push(run.completion("b#1", "b#1"));
    run.happens(facts).replaysEqually();
    expect(run.result()).toBe(expected);
  });

  it("a sleep that loses a race stays open and its end is not seen", () => {
    const run = given(`async () => {
      const winner = await Promise.race([step("a")(), sleep(5).then(() => { console.log("woke"); return "late"; })]);
      await step("next")();
      return winner;
    }`).start();
    run.completes("a#1", "a").wakes("sleep#1").completes("next#1", 0).replaysEqually();
    expect(run.result()).toBe("a");
    expect(run.lines).toEqual(["log: woke"]);
  });
});

describe("rejections", () => {
  it("that come before anybody awaits them are caught where they are awaited", async () => {
    const seen: unknown[] = [];
    const listen = (reason: unknown): number => seen.push(reason);
    process.on("unhandledRejection", listen);
    try {
      const run = given(`async () => {
        const early = step("early")();
        const bad = step("bad")({ cb: () => 1 });
        const hook = createHook({ token: "t" });
        await step("slow")();
        const caught = [];
        for (const promise of [early, bad]) try { await promise; } catch (error) { caught.push(error.name); }
        return caught;
      }`).start();
      run.fails("early#1", new RangeError("r"));
      await new Promise((resolve) => setImmediate(resolve));
      run.completes("slow#1", 0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(run.result()).toEqual(["RangeError", "SerializationError"]);
      run.replaysEqually();
      await new Promise((resolve) => setImmediate(resolve));
      expect(seen).toEqual([]);
    } finally {
      process.off("unhandledRejection", listen);
    }
  });
});

describe("branches that nobody awaits", () => {
  it("run on, in log order", () => {
    const run = given(`async () => {
      const log = [];
      const floating = (async () => { for (const name of ["x", "y"]) log.push(await step(name)()); })();
      log.push(await step("main")());
      await step("last")();
      return log;
    }`).start();
    run.completes("x#1", "x").completes("main#1", "main").completes("y#1", "y").completes("last#1", 0).replaysEqually();
    expect(run.result()).toEqual(["x", "main", "y"]);
  });
});

describe("async generators", () => {
  it("yield step results, are raced and closed early", () => {
    const run = given(`async () => {
      const log = [];
      async function* pages() { try { for (let page = 1; ; page++) yield await step("page")(page); } finally { log.push("closed"); await step("close")(); } }
      for await (const page of pages()) { log.push(page); if (page === 2) break; }
      const again = pages();
      log.push(await Promise.race([again.next().then((item) => item.value), sleep(5).then(() => "slow")]));
      return log;
    }`).start();
    run.completes("page#1", 1).completes("page#2", 2).completes("close#1", 0);
    run.happens([run.awakening("sleep#1"), run.completion("page#3", 3)]).replaysEqually();
    expect(run.result()).toEqual([1, 2, "closed", "slow"]);
  });
});
