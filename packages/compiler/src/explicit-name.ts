/**
 * Explicit names: `charge.stepName = "charge"` at module level, which keeps a function's id when it is renamed or moved.
 *
 * The name is read from the text, because ids must be known before any code runs; whatever cannot be read from the text
 * is an error.
 */

import type { CompileDiagnostic } from "@perdure/errors";
import type { Node } from "oxc-parser";
import { walk } from "oxc-walker";
import { withoutTypes } from "./candidates.ts";
import { diagnose } from "./diagnostic.ts";
import type { DirectiveFunction } from "./directives.ts";
import { isExplicitName } from "./function-id.ts";
import type { ParsedModule } from "./parse.ts";

/** The explicit names of a module's functions, and what is wrong with them. */
export interface ExplicitNames {
  readonly names: ReadonlyMap<DirectiveFunction, string>;
  readonly diagnostics: readonly CompileDiagnostic[];
}

const properties = { step: "stepName", workflow: "workflowName" } as const;

interface NameAssignment {
  readonly target: DirectiveFunction;
  readonly property: string;
  readonly value: Node;
  readonly operator: string;
}

/** Reads every assignment of `stepName` or `workflowName` to a function that has a directive. */
export function explicitNames(module: ParsedModule, functions: readonly DirectiveFunction[]): ExplicitNames {
  const names = new Map<DirectiveFunction, string>();
  const diagnostics: CompileDiagnostic[] = [];
  if (!/stepName|workflowName/.test(module.source.text)) return { names, diagnostics };
  const byBinding = new Map(functions.map((found) => [found.binding, found]));
  const topLevel = new Set<Node>(module.program.body);
  walk(module.program, {
    enter(node, parent) {
      const assignment = nameAssignment(node, byBinding);
      if (assignment === undefined) return;
      const problem = refuseAssignment(assignment, names, parent !== null && topLevel.has(parent));
      if (problem !== undefined) {
        diagnostics.push(diagnose(module.source, node.start, problem.message, problem.hint));
      } else if (assignment.value.type === "Literal" && typeof assignment.value.value === "string") {
        names.set(assignment.target, assignment.value.value.normalize("NFC"));
      }
    },
  });
  return { names, diagnostics };
}

function nameAssignment(
  node: Node,
  byBinding: ReadonlyMap<string | undefined, DirectiveFunction>,
): NameAssignment | undefined {
  if (node.type !== "AssignmentExpression") return undefined;
  const left = withoutTypes(node.left);
  if (left.type !== "MemberExpression") return undefined;
  const object = withoutTypes(left.object);
  const key = left.property;
  const property =
    !left.computed && key.type === "Identifier" ? key.name : key.type === "Literal" ? key.value : undefined;
  if (property !== properties.step && property !== properties.workflow) return undefined;
  const target = object.type === "Identifier" ? byBinding.get(object.name) : undefined;
  return target === undefined
    ? undefined
    : { target, property, value: withoutTypes(node.right), operator: node.operator };
}

function refuseAssignment(
  { target, property, value, operator }: NameAssignment,
  names: ReadonlyMap<DirectiveFunction, string>,
  atModuleLevel: boolean,
): { message: string; hint: string } | undefined {
  const expected = properties[target.kind];
  const example = `Write it once at module level, as a plain string: ${target.name}.${expected} = "${target.name}"`;
  if (property !== expected) {
    return { message: `${target.name} is a ${target.kind}; ${property} has no effect on it.`, hint: example };
  }
  if (!atModuleLevel) {
    return {
      message: `${property} of ${target.name} is set where it cannot be read before the code runs.`,
      hint: example,
    };
  }
  if (operator !== "=" || value.type !== "Literal" || typeof value.value !== "string") {
    return { message: `${property} of ${target.name} is not a plain string.`, hint: example };
  }
  if (!isExplicitName(value.value)) {
    return {
      message: `${JSON.stringify(value.value)} cannot be the name of a ${target.kind}.`,
      hint: 'A name is not empty, has no spaces at its ends, no control characters and no "//".',
    };
  }
  if (names.has(target)) {
    return { message: `${property} of ${target.name} is set twice.`, hint: "Keep one of the two assignments." };
  }
  return undefined;
}
