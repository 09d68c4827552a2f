import { describe, expect, it } from "vitest";
import { generateProgram, type ProgramFeatures } from "./generate.ts";
import { interpret } from "./interpret.ts";
import { countKind, countKinds } from "./kinds.ts";
import { printProgram } from "./print.ts";
import { hookTokens, type Program, stepNames } from "./program.ts";

const seeds = Array.from({ length: 1_000 }, (_, seed) => seed);
const programs = seeds.map((seed) => generateProgram(seed));

/** In at least so many of a hundred programs. */
const shares: Readonly<Record<string, number>> = {
  step: 95,
  stepWork: 80,
  stepSlow: 30,
  stepFlaky: 30,
  stepTwice: 15,
  stepOnce: 15,
  stepLater: 25,
  stepFatal: 15,
  stepRefuse: 5,
  stepBroken: 5,
  failing: 60,
  hops: 40,
  hopsBefore: 60,
  hopsAfter: 60,
  thenable: 40,
  generator: 20,
  fromAsync: 15,
  all: 15,
  race: 15,
  any: 15,
  allSettled: 15,
  nestedGroup: 8,
  never: 5,
  floating: 50,
  floatingCall: 40,
  floatingBranch: 15,
  isolatedBranch: 25,
  sharedBranch: 20,
  late: 30,
  lateFailing: 8,
  mutate: 30,
  rich: 25,
  keep: 15,
  keepMap: 4,
  keepSet: 4,
  keepDate: 4,
  keepBigint: 4,
  keepError: 4,
  keepBytes: 4,
  log: 15,
  try: 80,
  loop: 20,
  recurse: 15,
  ifByValue: 20,
  ifByClock: 5,
  ifByChance: 5,
  sleep: 80,
  sleepZero: 20,
  sleepPast: 5,
  sleepLong: 20,
  sleepDay: 1,
  sleepByText: 40,
  sleepByDate: 40,
  hook: 40,
  hookRace: 4,
  hookCarry: 4,
  hookIterate: 4,
  hookUsing: 4,
  hookAwait: 4,
  hookRecreate: 4,
  hookTwice: 4,
  hookProbe: 4,
  hookClosing: 4,
  hookOpen: 4,
  endThrow: 4,
  endMap: 8,
};

const share = (holds: (program: Program) => boolean): number => (programs.filter(holds).length / programs.length) * 100;

describe("generateProgram", () => {
  it("makes the same tree and the same text of the same seed, and others of others", () => {
    for (const program of programs.slice(0, 300)) {
      const again = generateProgram(program.seed);
      expect(again).toEqual(program);
      expect(printProgram(again)).toBe(printProgram(program));
    }
    expect(new Set(programs.map((program) => JSON.stringify(program.root))).size).toBe(programs.length);
  });

  it("makes plain JSON, which says all that is printed", () => {
    for (const program of programs.slice(0, 300)) {
      const read = JSON.parse(JSON.stringify(program)) as Program;
      expect(read).toEqual(program);
      expect(printProgram(read)).toBe(printProgram(program));
    }
  });

  it.each(Object.entries(shares))("makes programs with %s, at least %i of a hundred", (kind, least) => {
    expect(share(({ kinds }) => (kinds[kind] ?? 0) > 0)).toBeGreaterThanOrEqual(least);
  });

  it("counts no kind that the shares above do not name", () => {
    const kinds = new Set(programs.flatMap((program) => Object.keys(program.kinds)));
    expect([...kinds].sort()).toEqual(Object.keys(shares).sort());
    for (const program of programs) expect(program.kinds).toEqual(countKinds(program.root));
  });

  it("makes about two confluent programs of five, whose results their trees alone decide", () => {
    const confluent = share((program) => program.confluent);
    expect(confluent).toBeGreaterThan(35);
    expect(confluent).toBeLessThan(45);
    for (const program of programs) {
      if (program.confluent) expect(() => interpret(program, { tokens: "t", n: program.seed })).not.toThrow();
    }
  });

  const asked: readonly (readonly [keyof ProgramFeatures, string])[] = [
    ["hooks", "hook"],
    ["sharedTokens", "hookTwice"],
    ["longSleeps", "sleepLong"],
    ["floating", "floating"],
    ["failures", "failing"],
    ["races", "race"],
  ];

  it.each(asked)("gives and leaves out %s as it is told", (feature, kind) => {
    for (const seed of seeds.slice(0, 200)) {
      expect(countKind(generateProgram(seed, { [feature]: true }).root, kind), `seed ${seed}`).toBeGreaterThan(0);
      const without = generateProgram(seed, { [feature]: false });
      const left = feature === "races" && without.confluent ? 0 : countKind(without.root, kind);
      expect(left, `seed ${seed}`).toBe(0);
    }
  });

  it("makes programs that wait for payloads and call no step", () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const { root, kinds } = generateProgram(seed, { listening: true, confluent: false });
      expect(stepNames(root)).toEqual([]);
      expect(kinds["sleep"]).toBeGreaterThan(0);
    }
  });

  it("gives each hook a token of its own where tokens are not to be shared", () => {
    for (const seed of seeds.slice(0, 200)) {
      const program = generateProgram(seed, { hooks: true, sharedTokens: false, size: 60 });
      expect(hookTokens(program, { tokens: "t", n: 0 })).toHaveLength(countKind(program.root, "hook"));
    }
  });

  it("makes programs about as large as it is told", () => {
    const mean = (size: number): number => {
      const made = seeds.slice(0, 100).map((seed) => generateProgram(seed, { size }));
      return made.reduce((sum, { kinds }) => sum + (kinds["step"] ?? 0) + (kinds["sleep"] ?? 0), 0) / made.length;
    };
    expect(mean(10)).toBeLessThan(mean(40) / 1.5);
    expect(mean(40)).toBeLessThan(mean(160) / 2);
  });
});
