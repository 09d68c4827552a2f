/** Each scenario as two tests: it holds, and it does not hold on its mutant. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Scenario } from "./scenario.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
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
      for (const { file, find, replace } of mutant.edits) {
        const found = readFileSync(`${root}${file}`, "utf8").split(find).length - 1;
        expect(found, `times that ${file} holds ${find}`).toBe(1);
        expect(replace).not.toBe(find);
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
