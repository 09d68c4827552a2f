import { describe, expect, it } from "vitest";
import { compileProgram } from "./compile.ts";
import { editedProgram } from "./edit.ts";
import { generateProgram } from "./generate.ts";
import { interpret } from "./interpret.ts";
import { printProgram } from "./print.ts";
import { stepNames } from "./program.ts";

const seeds = Array.from({ length: 300 }, (_, seed) => seed);

describe("editedProgram", () => {
  it("renames, removes or adds one step, and leaves the others as they are", () => {
    const edits = new Map<string, number>();
    for (const seed of seeds) {
      const program = generateProgram(seed);
      const edited = editedProgram(program);
      expect(editedProgram(program)).toEqual(edited);
      const [before, after] = [stepNames(program.root), stepNames(edited.root)];
      const gone = before.filter((name) => !after.includes(name));
      const come = after.filter((name) => !before.includes(name));
      expect(come.length).toBeLessThanOrEqual(1);
      for (const name of come) expect(name).toMatch(/_v2$/);
      const edit = come.length === 0 ? "remove" : gone.length === 0 ? "add" : "rename";
      if (edit === "rename") expect([`${gone[0]}_v2`]).toEqual(come);
      if (edit === "remove") expect(gone.length).toBeGreaterThan(0);
      edits.set(edit, (edits.get(edit) ?? 0) + 1);
      if (edited.confluent) expect(() => interpret(edited, { tokens: "t", n: seed })).not.toThrow();
    }
    for (const edit of ["rename", "remove", "add"]) expect(edits.get(edit), edit).toBeGreaterThan(50);
  });

  it("keeps the ids of the steps that both versions have", async () => {
    for (const seed of seeds.slice(0, 10)) {
      const program = generateProgram(seed);
      const before = await compileProgram(printProgram(program));
      const after = await compileProgram(printProgram(editedProgram(program)));
      expect(after.workflowId).toBe(before.workflowId);
      expect(after.bundle.id).not.toBe(before.bundle.id);
      const shared = [...after.steps.keys()].filter((id) => before.steps.has(id));
      expect(shared.length).toBeGreaterThan(0);
    }
  });
});
