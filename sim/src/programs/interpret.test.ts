import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { compileProgram } from "./compile.ts";
import { generateProgram } from "./generate.ts";
import { interpret } from "./interpret.ts";
import { programOf } from "./kinds.ts";
import { printProgram } from "./print.ts";
import type { Inputs, Operation, Statement } from "./program.ts";
import { runProgram } from "./run-program.testing.ts";

const seeds = Array.from({ length: process.env["PERDURE_LONG"] === "1" ? 1_000 : 100 }, (_, seed) => seed);

describe("a confluent program", () => {
  it.each(seeds)("of seed %i ends in the engine as its tree says", async (seed) => {
    const program = generateProgram(seed, { confluent: true });
    const inputs: Inputs = { tokens: `t${seed}`, n: seed };
    const { errors, end } = await runProgram(program, await compileProgram(printProgram(program)), inputs);
    expect(errors).toEqual([]);
    const actual =
      end.type === "run_completed"
        ? { kind: "returned", value: end.value }
        : { kind: "thrown", name: (end.value as Error).name };
    expect(actual, end.type).toEqual(interpret(program, inputs));
  });

  it("mostly has a result of its own for each input", () => {
    const inputs = Array.from({ length: 20 }, (_, n): Inputs => ({ tokens: "t", n }));
    const varied = seeds.slice(0, 100).filter((seed) => {
      const program = generateProgram(seed, { confluent: true });
      const results = inputs.map((input) => inspect(interpret(program, input), { depth: null }));
      return new Set(results).size > 15;
    });
    expect(varied.length).toBeGreaterThan(75);
  });
});

describe("a program whose result depends on more than its input", () => {
  const call: Operation = { kind: "call", step: "work", k: 1, before: 0, after: 0, style: "plain" };
  const group = (combinator: "race" | "any"): Statement => ({
    kind: "await",
    operation: { kind: "group", combinator, operations: [call, call] },
  });
  const log: Statement = { kind: "log", level: "info" };
  const statements: readonly (readonly [string, Statement])[] = [
    ["clock", { kind: "if", by: "clock", modulus: 2, body: [log], otherwise: [] }],
    ["chance", { kind: "if", by: "chance", modulus: 2, body: [log], otherwise: [] }],
    ["race", group("race")],
    ["any", group("any")],
    ["shared branch", { kind: "await", operation: { kind: "branch", body: [log], isolated: false } }],
    ["payload", { kind: "hook", use: "await", token: 0, rounds: 1, ms: 0, body: [log] }],
  ];

  it.each(statements)("is refused: %s", (_, statement) => {
    const program = programOf({ seed: 1, root: [statement], confluent: true });
    expect(() => interpret(program, { tokens: "t", n: 0 })).toThrow(TypeError);
  });

  it("is refused when it says so itself", () => {
    const program = generateProgram(1, { confluent: false });
    expect(() => interpret(program, { tokens: "t", n: 0 })).toThrow(TypeError);
  });
});
