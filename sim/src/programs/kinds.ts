/** What a program holds, in the words in which a run of the simulator counts what it has tried. */
import { type Block, childrenOf, type Node, nodesOf, type Operation, type Program } from "./program.ts";
import { bodyOf } from "./step-bodies.ts";

/** From here on a sleep outlasts what a worker keeps in memory for. */
const longMs = 1_000;
/** A sleep of a day. */
export const dayMs = 86_400_000;

/** Bodies that can fail an attempt. */
const failingBodies: ReadonlySet<string> = new Set(["flaky", "twice", "once", "later", "fatal", "refuse", "broken"]);

/** True when the step can fail an attempt. */
const canFail = (stepName: string): boolean => failingBodies.has(bodyOf(stepName));

/** How often each kind occurs in the tree. */
export function countKinds(root: Block): Record<string, number> {
  const kinds: Record<string, number> = {};
  const count = (kind: string): void => {
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  };
  for (const node of nodesOf(root)) for (const kind of kindsOf(node)) count(kind);
  return kinds;
}

/** A program of this tree. */
export function programOf(parts: Omit<Program, "kinds">): Program {
  return { ...parts, kinds: countKinds(parts.root) };
}

/** How many nodes below these are of this kind. */
export function countKind(root: readonly Node[], kind: string): number {
  return [...nodesOf(root)].filter((node) => kindsOf(node).includes(kind)).length;
}

function kindsOf(node: Node): readonly string[] {
  switch (node.kind) {
    case "call":
      return callKinds(node);
    case "sleep":
      return sleepKinds(node);
    case "group":
      return [node.combinator, ...(childrenOf(node).some(({ kind }) => kind === "group") ? ["nestedGroup"] : [])];
    case "branch":
      return [node.isolated ? "isolatedBranch" : "sharedBranch"];
    case "await":
      return [];
    case "float":
      return ["floating", node.operation.kind === "branch" ? "floatingBranch" : "floatingCall"];
    case "late":
      return ["late", ...(isFailing(node.operation) ? ["lateFailing"] : [])];
    case "if":
      return [`ifBy${capital(node.by)}`];
    case "hook":
      return ["hook", `hook${capital(node.use)}`];
    case "keep":
      return ["keep", `keep${capital(node.type)}`];
    case "end":
      return [node.how === "throw" ? "endThrow" : "endMap"];
    case "mutate":
    case "rich":
      return ["step", node.kind];
    default:
      return [node.kind];
  }
}

function callKinds({ step, before, after, style }: Extract<Node, { kind: "call" }>): readonly string[] {
  return [
    "step",
    `step${capital(bodyOf(step))}`,
    ...(canFail(step) ? ["failing"] : []),
    ...(before > 0 ? ["hopsBefore"] : []),
    ...(after > 0 ? ["hopsAfter"] : []),
    ...(style === "thenable" ? ["thenable"] : []),
  ];
}

function sleepKinds({ ms, form }: Extract<Node, { kind: "sleep" }>): readonly string[] {
  return [
    "sleep",
    ...(ms === 0 ? ["sleepZero"] : []),
    ...(ms < 0 ? ["sleepPast"] : []),
    ...(ms >= longMs ? ["sleepLong"] : []),
    ...(ms >= dayMs ? ["sleepDay"] : []),
    ...(form === "number" ? [] : [`sleepBy${capital(form)}`]),
  ];
}

const isFailing = (operation: Operation): boolean => operation.kind === "call" && canFail(operation.step);

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
