import { describe, expect, it } from "vitest";
import { compileProgram } from "./compile.ts";
import { generateProgram } from "./generate.ts";
import { interpret } from "./interpret.ts";
import { countKinds } from "./kinds.ts";
import { printProgram } from "./print.ts";
import type { Program } from "./program.ts";
import { smallerPrograms } from "./shrink.ts";

const seeds = Array.from({ length: 30 }, (_, seed) => seed);
/** How many candidates of one program are looked at; the first ones are the biggest cuts, so some of the others are, too. */
const looksMax = 300;

/** Nodes first, then numbers and the choices that are not the plainest. */
function weigh(value: unknown): number {
  if (typeof value === "number") return Math.abs(value);
  if (typeof value === "string") return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + weigh(item), 0);
  const { kind, style, form, ...fields } = value as Record<string, unknown>;
  const isIndirect = kind === "float" || kind === "generator" || kind === "fromAsync" || kind === "late";
  const plainest = Number(style === "thenable") + Number(form === "text" || form === "date");
  const inner = Object.values(fields).filter((field) => typeof field !== "boolean");
  return 100 + Number(isIndirect) + plainest + weigh(inner);
}

/** The last of the smaller programs that hold this: none of its own smaller ones does. */
function smallest(program: Program, holds: (program: Program) => boolean): Program {
  let least = program;
  for (let found: Program | undefined = program; found !== undefined; ) {
    least = found;
    found = firstOf(smallerPrograms(least), holds);
  }
  return least;
}

function firstOf(programs: Iterable<Program>, holds: (program: Program) => boolean): Program | undefined {
  for (const program of programs) if (holds(program)) return program;
  return undefined;
}

describe("smallerPrograms", () => {
  it("gives smaller programs only, the emptiest first", () => {
    for (const seed of seeds) {
      const program = generateProgram(seed);
      const weight = weigh(program.root);
      const [first] = smallerPrograms(program);
      expect(first?.root).toEqual([]);
      let looks = 0;
      for (const candidate of smallerPrograms(program)) {
        looks += 1;
        if (looks > looksMax) break;
        expect(weigh(candidate.root)).toBeLessThan(weight);
        expect(candidate.kinds).toEqual(countKinds(candidate.root));
      }
    }
  });

  it("gives programs that compile", async () => {
    for (const seed of seeds.slice(0, 10)) {
      const candidates = [...smallerPrograms(generateProgram(seed))];
      const middle = candidates[Math.floor(candidates.length / 2)];
      for (const candidate of [candidates[1], middle, candidates.at(-1)]) {
        if (candidate === undefined) continue;
        const { bundle } = await compileProgram(printProgram(candidate));
        expect(bundle.workflows).toHaveLength(1);
      }
    }
  });

  it("keeps confluent programs confluent", () => {
    for (const seed of seeds) {
      const candidates = [...smallerPrograms(generateProgram(seed, { confluent: true, size: 30 }))];
      for (const candidate of candidates.slice(0, looksMax)) {
        expect(() => interpret(candidate, { tokens: "t", n: 5 })).not.toThrow();
      }
    }
  });

  it("ends at the one statement that a defect needs", () => {
    const program = generateProgram(3, { confluent: false, hooks: true, sharedTokens: true, size: 80 });
    const { root } = smallest(program, ({ kinds }) => (kinds["hookTwice"] ?? 0) > 0);
    expect(root).toEqual([{ kind: "hook", use: "twice", token: expect.any(Number), rounds: 1, ms: 0, body: [] }]);
  });

  it("finds what is deep inside", () => {
    for (const seed of seeds.slice(0, 10)) {
      const program = generateProgram(seed, { failures: true, size: 60 });
      const { root } = smallest(program, ({ kinds }) => (kinds["failing"] ?? 0) > 0);
      const operation = { kind: "call", step: expect.any(String), k: 0, before: 0, after: 0, style: "plain" };
      expect(root).toEqual([{ kind: "await", operation }]);
    }
  });
});
