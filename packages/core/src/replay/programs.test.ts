/**
 * Random programs, random facts: whatever a program does with steps, sleeps, hooks, clocks and draws, every way to read its
 * log gives the same decisions and the same console lines, and isolation makes no difference.
 */
import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { given, type History } from "./history.testing.ts";

const argument = fc.constantFrom(
  "1",
  "Math.random()",
  "Date.now()",
  "crypto.randomUUID()",
  "log.length",
  "new Map([[1, log.length]])",
);
const name = fc.constantFrom("a", "b", "c");

const leaf: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(name, argument).map(([step, arg]) => `log.push(await step("${step}")(${arg}));`),
  fc
    .tuple(name, argument)
    .map(([step, arg]) => `const late = step("${step}")(${arg}); await null; log.push(await late);`),
  fc.integer({ min: 0, max: 9 }).map((ms) => `await sleep(${ms});`),
  fc.integer({ min: 1, max: 6 }).map((hops) => `for (let hop = 0; hop < ${hops}; hop++) await null;`),
  fc.constant("console.log(log.length, Date.now(), Math.random());"),
  fc.constant("log.push(await hook);"),
  fc.constant("log.push(await Promise.race([hook, sleep(3).then(() => 'tick')]));"),
  fc.constant("log.push(performance.now());"),
  fc.constant("for await (const payload of hook) { log.push(payload); break; }"),
  fc.constant("hook.dispose();"),
  fc.constant("{ const other = createHook({ token: 't' + log.length }); log.push(await other.getConflict()); }"),
);

const block = fc.letrec<{ body: string; part: string }>((tie) => ({
  body: fc
    .array(tie("part"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.map((part) => `{ ${part} }`).join("\n")),
  part: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom("all", "race", "any", "allSettled"), fc.array(tie("body"), { minLength: 2, maxLength: 3 }))
      .map(
        ([kind, bodies]) =>
          `log.push(await Promise.${kind}([${bodies.map(branch).join(", ")}]).then(() => "${kind}"));`,
      ),
    tie("body").map(
      (body) => `try { ${body} } catch (error) { log.push(error.message); } finally { log.push("finally"); }`,
    ),
    tie("body").map((body) => `void ${branch(body)}.catch(() => {});`),
    tie("body").map((body) => `for (let round = 0; round < 2; round++) { ${body} }`),
    tie("body").map(
      (body) =>
        `{ async function* items() { ${body} yield log.length; } for await (const item of items()) log.push(item); }`,
    ),
  ),
})).body;

const branch = (body: string): string => `(async () => { ${body} return log.length; })()`;

const turnsMax = 14;

/** Lets facts happen by these choices until the run ends or nothing is open. */
function live(run: History, choices: readonly number[]): History {
  for (let turn = 0; turn < turnsMax && !run.execution.ended; turn++) {
    const open = run.open();
    if (open.length === 0) break;
    const choice = choices[turn % choices.length] ?? 0;
    const first = open[choice % open.length] ?? "";
    if (first.startsWith("hook")) {
      run.receives(first, { payload: choice });
      continue;
    }
    const others = open.filter((label) => !label.startsWith("hook") && label !== first).slice(0, choice % 3);
    run.later(choice).happens([first, ...others].map((label) => factOf(run, label, choice)));
  }
  return run;
}

function factOf(run: History, label: string, choice: number) {
  if (label.startsWith("sleep")) return run.awakening(label);
  return choice % 7 === 0
    ? run.rejection(label, new RangeError(`no ${choice}`))
    : run.completion(label, { value: choice });
}

describe("random programs", () => {
  it("replay equally, from every prefix and in both isolations", () => {
    let events = 0;
    let ended = 0;
    fc.assert(
      fc.property(block, fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 12 }), (body, choices) => {
        const source = `async () => { const log = []; const hook = createHook(); ${body} return log; }`;
        const run = live(given(source).start(), choices);
        run.replaysEqually();
        const own = live(given(source, { isolation: "run" }).start(), choices);
        deepStrictEqual(own.trace(), run.trace());
        events += run.log.length;
        if (run.execution.ended) ended += 1;
      }),
      { numRuns: 80 },
    );
    expect(events).toBeGreaterThan(80 * 4);
    expect(ended).toBeGreaterThan(8);
  });
});
