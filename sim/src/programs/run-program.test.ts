import { describe, expect, it } from "vitest";
import { compileProgram } from "./compile.ts";
import { generateProgram } from "./generate.ts";
import { printProgram } from "./print.ts";
import { type ProgramRun, runProgram } from "./run-program.testing.ts";

const seeds = Array.from({ length: process.env["PERDURE_LONG"] === "1" ? 300 : 12 }, (_, seed) => seed);

async function runOf(seed: number): Promise<ProgramRun> {
  const program = generateProgram(seed, { confluent: false, hooks: true, floating: true });
  return await runProgram(program, await compileProgram(printProgram(program)), { tokens: "t", n: seed });
}

describe.each(seeds)("the program of seed %i, which is not confluent", (seed) => {
  it("ends, meets no defect of its own, and notes the same when it is run again", async () => {
    const { errors, lines, end } = await runOf(seed);
    expect(errors).toEqual([]);
    expect(["run_completed", "run_failed"]).toContain(end.type);
    if (end.type === "run_failed") expect(["FatalError", "RangeError"]).toContain((end.value as Error).name);
    expect(lines.filter((line) => /"(TypeError|ReferenceError|SyntaxError)"$/.test(line))).toEqual([]);
    expect((await runOf(seed)).lines).toEqual(lines);
  });
});
