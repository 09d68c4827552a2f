/** Executions that share a realm must not feel each other, whatever one of them does to what they share. */
import { deepStrictEqual } from "node:assert/strict";
import { describe, expect, it } from "vitest";
import { bundleOf, History, realmFor } from "./history.testing.ts";

/** What a hostile workflow tries, each on its own: what throws is caught, and the next is tried. */
const attacks = `[
  () => { Object.prototype.polluted = 1; }, () => { Array.prototype.map = () => "hacked"; }, () => { Array.prototype[Symbol.iterator] = null; },
  () => { Object.defineProperty(Array.prototype, "push", { value: () => 0 }); }, () => { Object.setPrototypeOf(Object.prototype, {}); },
  () => { Promise.prototype.then = () => "hacked"; }, () => { Promise.all = () => "hacked"; }, () => { Math.random = () => 0.5; },
  () => { Math = {}; }, () => { Date.now = () => 1; }, () => { Date.prototype.getTime = () => 1; }, () => { JSON.stringify = () => "{}"; },
  () => { String.prototype.at = () => "x"; }, () => { delete Map.prototype.set; }, () => { RegExp.prototype.exec = () => null; },
  () => { Function.prototype.call = () => 0; }, () => { Error.prototype.name = "Hacked"; }, () => { Error.stackTraceLimit = 0; },
  () => { Error.prepareStackTrace = () => "hacked"; }, () => { Symbol.prototype.toString = () => ""; }, () => { URL.prototype.toJSON = () => ""; },
  () => { TextEncoder.prototype.encode = () => 0; }, () => { console.log = () => 0; }, () => { crypto.randomUUID = () => "x"; },
  () => { performance.now = () => 5; }, () => { structuredClone.evil = 1; }, () => { queueMicrotask.call = 1; },
  () => { Object.getPrototypeOf(Object.getPrototypeOf(globalThis)).evil = 1; }, () => { Object.getPrototypeOf(globalThis).evil = 1; },
  () => { globalThis.Array = null; globalThis.shared = "leak"; globalThis.step = 1; },
  () => { createHook().constructor.prototype.then = () => "hacked"; }, () => { FatalError.is = () => true; },
  () => { Object.getPrototypeOf(FatalError).prototype.evil = 1; }, () => { FatalError.prototype.evil = 1; },
  () => { __perdure.callStep = () => "hacked"; }, () => { __perdure.api.sleep = () => "hacked"; },
  () => { Object.getPrototypeOf(async function* () {}.prototype).next = () => 0; }, () => { Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true }); },
  () => { Object.getPrototypeOf(Object.getPrototypeOf(new Uint8Array())).set = () => 0; }, () => { Intl.DateTimeFormat.prototype.resolvedOptions = () => 0; },
  () => { /(secret)/.exec("secret"); }, () => { Symbol.for("leak"); },
  () => { Object.freeze(Object.getPrototypeOf(globalThis)); }, () => { Reflect.ownKeys = () => []; }, () => { Reflect.preventExtensions(globalThis); },
]`;

const hostile = `let counter = 0;
const seen = new WeakMap();
async function attack() {
  const outcomes = [];
  for (const attempt of ${attacks}) { try { attempt(); outcomes.push("done"); } catch (error) { outcomes.push(error.constructor.name); } }
  counter += 1000; seen.set(Array, "leak");
  void Promise.reject(new Error("floating")).catch(() => {});
  void step("floating")(counter);
  return outcomes.length;
}`;

const victim = `async function work(name) {
  const log = [];
  counter += 1;
  log.push(counter, seen.has(Array), typeof globalThis.shared, globalThis.Array === Array, "polluted" in {}, RegExp.$1, Object.keys(globalThis).length);
  log.push(Math.random(), crypto.randomUUID(), Date.now(), new Date().getTime(), performance.now(), [1, 2].map((n) => n * 2).join());
  const error = new RangeError("r"); log.push(error.name, String(error), error instanceof Error, FatalError.is(error), error.stack.split("\\n").length);
  console.log("victim", name, { a: [1] });
  const hook = createHook();
  log.push(hook.token);
  const results = await Promise.all([step("a")(log), step("b")([...new Set([1, 1])])]);
  log.push(results, await hook, new URL("http://a/b").href, JSON.stringify({ a: 1 }), [...new TextEncoder().encode("é")]);
  for (const [key, value] of new Map([[1, 2]])) log.push(key, value);
  log.push(Math.random(), structuredClone(new Map([[1, 2]])), new Intl.NumberFormat().format(1234.5), counter);
  counter += 1;
  return log;
}`;

const workflow = `async (role) => {
  if (role === "hostile") { await attack(); await step("again")(); return await attack(); }
  return await work(role);
}`;

function start(
  role: string,
  options: { readonly shared: ReturnType<typeof realmFor>; readonly runId: string },
): History {
  const bundle = bundleOf(workflow, `${hostile}\n${victim}`);
  return new History(bundle, { realm: options.shared, runId: options.runId }).start(role);
}

const moves: readonly ((run: History) => History)[] = [
  (run) => run.completes("b#1", [1]),
  (run) => run.receives("hook#1", { p: 1 }),
  (run) => run.completes("a#1", new Map([[1, 2]])),
];

describe("a hostile neighbour in the same realm", () => {
  it("changes nothing of what another execution decides, draws, prints or reads", () => {
    const bundle = bundleOf(workflow, `${hostile}\n${victim}`);
    const alone = moves.reduce(
      (run, move) => move(run),
      start("victim", { shared: realmFor(bundle), runId: "wrun_v" }),
    );
    const shared = realmFor(bundle);
    const attacker = start("hostile", { shared, runId: "wrun_h" });
    let victimRun = start("victim", { shared, runId: "wrun_v" });
    for (const [index, move] of moves.entries()) {
      start("hostile", { shared, runId: `wrun_${index}` });
      victimRun = move(victimRun);
      if (index === 1) attacker.completes("again#1", 0);
    }
    deepStrictEqual(victimRun.trace(), alone.trace());
    expect(victimRun.decisions()).toEqual(["hook#1", "a#1", "b#1", "run_completed"]);
    expect(attacker.decisions()).toContain("run_completed");
    victimRun.replaysEqually();
  });

  it("was really hostile: without hardening the same attacks leave their mark", () => {
    const probe = `async () => { for (const attempt of ${attacks}.slice(0, 1)) attempt(); return ({}).polluted; }`;
    expect(new History(bundleOf(probe), { isolation: "run" }).start().result()).toBe(1);
  });
});
