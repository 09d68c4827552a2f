import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compileHost } from "@perdure/compiler";
import { describe, expect, it, onTestFinished } from "vitest";
import { compileProgram } from "./compile.ts";
import { editedProgram } from "./edit.ts";
import { generateProgram } from "./generate.ts";
import { programOf } from "./kinds.ts";
import { printProgram, stepHostKey } from "./print.ts";
import { type Statement, stepNames } from "./program.ts";
import { bodyNames } from "./step-bodies.ts";

/** The test of the interpreter builds the confluent ones. */
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe("compileProgram", () => {
  it("builds every program, with the ids that each of them has", async () => {
    for (const seed of seeds) {
      const program = generateProgram(seed, { confluent: false });
      const { bundle, workflowId, steps } = await compileProgram(printProgram(program));
      expect(workflowId).toBe("workflow//./program//main");
      expect(bundle.workflows).toEqual([workflowId]);
      const names = stepNames(program.root);
      expect([...steps].sort()).toEqual(names.map((name) => [`step//./program//${name}`, name]));
    }
  });

  it("builds programs at the same time as well as one after the other", async () => {
    const sources = seeds.slice(0, 8).map((seed) => printProgram(editedProgram(generateProgram(seed))));
    const together = await Promise.all(sources.map(compileProgram));
    for (const [index, { source, bundle }] of together.entries()) {
      expect(source).toBe(sources[index]);
      // A comment makes it another source with the same bundle, which is therefore built again, alone.
      const alone = await compileProgram(`${source}// again\n`);
      expect(bundle.id).toBe(alone.bundle.id);
    }
  });

  it("builds a source once", () => {
    const source = printProgram(generateProgram(1));
    expect(compileProgram(source)).toBe(compileProgram(source));
  });

  it("refuses a source that is no program, each time", async () => {
    await expect(compileProgram("export {};")).rejects.toThrow("no workflow");
    await expect(compileProgram("export {};")).rejects.toThrow("no workflow");
  });

  it("says of steps what the host module registers, whose bodies ask the simulator", async () => {
    const statements = bodyNames.map((step): Statement => {
      if (step === "echo") return { kind: "mutate", step };
      if (step === "rich") return { kind: "rich", step, k: 1 };
      return { kind: "await", operation: { kind: "call", step, k: 1, before: 0, after: 0, style: "plain" } };
    });
    const { source, steps, maxRetries } = await compileProgram(
      printProgram(programOf({ seed: 1, root: statements, confluent: false })),
    );
    const registered = await loadHost(source);
    expect(registered.map(({ id, name }) => [id, name]).sort()).toEqual([...steps].sort());
    const host = globalThis as unknown as Record<symbol, unknown>;
    onTestFinished(() => {
      delete host[Symbol.for(stepHostKey)];
    });
    host[Symbol.for(stepHostKey)] = async (name: string, args: readonly unknown[]) => [name, args];
    for (const { id, name, fn } of registered) {
      expect(maxRetries.get(id)).toBe(fn.maxRetries ?? 3);
      expect(await fn("first", "second")).toEqual([name, name === "echo" ? ["first"] : ["first", "second"]]);
    }
  });
});

interface Registered {
  readonly id: string;
  readonly name: string;
  readonly fn: ((...args: unknown[]) => Promise<unknown>) & { maxRetries?: number };
}

/** Evaluates the compiled host module in this process, with a registry that only notes the steps. */
async function loadHost(source: string): Promise<readonly Registered[]> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "perdure-sim-host-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const installed = join(root, "node_modules/perdure");
  mkdirSync(installed, { recursive: true });
  const entries = { ".": "./main.mjs", "./internal": "./internal.mjs" };
  writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "perdure", exports: entries }));
  writeFileSync(join(installed, "main.mjs"), "export const sleep = () => {}; export const createHook = () => {};");
  writeFileSync(
    join(installed, "internal.mjs"),
    `export const steps = [];
export const registerStep = (id, fn, { name }) => steps.push({ id, name, fn });
export const registerWorkflow = () => {};
export const workflowCalled = (name) => new Error(name);`,
  );
  const { code } = compileHost(source, { file: join(root, "program.ts"), root });
  const file = join(root, "program.mjs");
  writeFileSync(file, `${code}\nexport { steps } from "perdure/internal";`);
  const module: { readonly steps: readonly Registered[] } = await import(/* @vite-ignore */ pathToFileURL(file).href);
  return module.steps;
}
