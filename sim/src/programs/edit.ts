/** Later versions of programs, as a deploy brings them while runs of the earlier one are under way. */
import { Chance } from "../kernel/chance.ts";
import { programOf } from "./kinds.ts";
import type { Block, Call, Program, Statement } from "./program.ts";
import { stepNames } from "./program.ts";
import { withoutNodes, withSteps } from "./rewrite.ts";

/** What stands behind the names of the steps that an edit brings. */
const versionSuffix = "_v2";

/** How often a step that stays takes other parameters from then on. */
const reshapedShare = 0.4;

/**
 * A later version of the same workflow: one of its steps has another name, or is gone with all its calls, or there is a call
 * of a step that was not there before. Now and then one of the steps that stay takes other parameters. The other steps keep
 * their ids. The same program gives the same edit.
 */
export function editedProgram(program: Program): Program {
  const chance = new Chance(program.seed ^ 0x5eed);
  const names = stepNames(program.root);
  const name = names[chance.int(names.length)];
  const edit = name === undefined ? "add" : chance.pick(["rename", "remove", "add"]);
  const edited = edit === "add" || name === undefined ? added(program.root, chance) : changed(program.root, name, edit);
  const kept = stepNames(edited).filter((step) => names.includes(step));
  const drawn = new Chance(program.seed ^ 0x5a9e);
  const reshaped = drawn.flag(reshapedShare) ? drawn.oneOf(kept) : undefined;
  return programOf({ ...program, root: edited, ...(reshaped === undefined ? {} : { reshaped }) });
}

function changed(root: Block, name: string, edit: "rename" | "remove"): Block {
  if (edit === "rename") return withSteps(root, (step) => (step === name ? `${name}${versionSuffix}` : step));
  return withoutNodes(root, (node) => "step" in node && node.step === name);
}

function added(root: Block, chance: Chance): Block {
  const operation: Call = {
    kind: "call",
    step: `work${versionSuffix}`,
    k: chance.int(10),
    before: 0,
    after: 0,
    style: "plain",
  };
  const call: Statement = { kind: "await", operation };
  const place = chance.int(root.length);
  return [...root.slice(0, place), call, ...root.slice(place)];
}
