/** Each scenario as two tests: it holds, and it does not hold on its mutant. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "../mutants/install.ts";
import { edited, filesOf } from "../mutants/mutant.ts";
import type { Scenario } from "./scenario.ts";

const run = promisify(execFile);
const player = fileURLToPath(new URL("./play-mutated.ts", import.meta.url));

/** The long run plays every scenario against its mutant; the usual one those that stand for the rest. */
const isLong = process.env["PERDURE_LONG"] === "1";
/** A mutant that hangs is stopped. */
const mutantMsMax = 60_000;

/** `module`: the address of the module that exports these as `scenarios`. */
export function checkScenarios(module: string, scenarios: readonly Scenario[]): void {
  it.each(scenarios)("$of: $title", ({ play }) => play());

  describe("edits of the engine", () => {
    it.each(scenarios)("of which each applies: $mutant.breaks", ({ mutant }) => {
      const named = { ...mutant, name: mutant.breaks, invariants: [] };
      for (const file of filesOf(named)) {
        const text = readFileSync(join(root, file), "utf8");
        expect(edited(named, file, text)).not.toBe(text);
      }
    });

    const played = scenarios.filter(({ mutant }) => isLong || mutant.always === true);
    it.each(played)("that turn it red: $mutant.breaks", { timeout: mutantMsMax }, async ({ title, mutant }) => {
      const args = ["--conditions=@perdure/source", player, module, title, JSON.stringify(mutant.edits)];
      const { stdout } = await run(process.execPath, args, { timeout: mutantMsMax });
      expect(JSON.parse(stdout)).toEqual({ red: expect.any(String) });
    });
  });
}
