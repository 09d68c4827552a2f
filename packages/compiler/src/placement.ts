/** Says why a directive cannot stand where it was found, and what to write instead. */

import type { Node } from "oxc-parser";
import { type AnyFunction, isFunction } from "./candidates.ts";
import type { FunctionKind } from "./function-id.ts";

/** A refusal without its place. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

/** The refusal for a directive in a function that is not at module level; `ancestors` end with the function's parent. */
export function refuseFunction(kind: FunctionKind, node: AnyFunction, ancestors: readonly Node[]): Refusal {
  const parent = ancestors.at(-1);
  const isNested = ancestors.some((ancestor) => isFunction(ancestor));
  const advice = isNested ? ", and pass what it uses as arguments" : "";
  return {
    message: `${describePlace(node, parent, ancestors)} cannot be a ${kind} yet.`,
    hint: `Write it as a function at the top level of the module${advice}: ${example(kind)}`,
  };
}

/** The refusal for a function whose form is right but whose kind of body is not, or `undefined`. */
export function refuseBody(kind: FunctionKind, node: AnyFunction, name: string): Refusal | undefined {
  if (node.generator) {
    return {
      message: `The generator ${name} cannot be a ${kind}: its result is not one value that can be recorded.`,
      hint: `Return the values as an array from an async function: ${example(kind)}`,
    };
  }
  if (kind === "workflow" && !node.async) {
    return {
      message: `The workflow ${name} must be an async function.`,
      hint: `Add \`async\`: ${example(kind)}`,
    };
  }
  return undefined;
}

function example(kind: FunctionKind): string {
  return kind === "step"
    ? 'async function charge(order) { "use step"; … }'
    : 'export async function checkout(order) { "use workflow"; … }';
}

function describePlace(node: AnyFunction, parent: Node | undefined, ancestors: readonly Node[]): string {
  const member = parent === undefined ? undefined : describeMember(node, parent);
  if (member !== undefined) return member;
  const outer = ancestors.findLast((ancestor) => isFunction(ancestor));
  if (parent?.type === "AssignmentPattern") return "A function that is a default value";
  if (outer !== undefined) return `A function nested in ${describeFunction(outer)}`;
  if (ancestors.some(({ type }) => type === "TSModuleBlock")) return "A function in a namespace";
  switch (parent?.type) {
    case "CallExpression":
    case "NewExpression":
      return "A function that is passed as an argument";
    case "ArrayExpression":
      return "A function that is an element of an array";
    case "AssignmentExpression":
      return "A function that is assigned to an existing variable or property";
    case "VariableDeclarator":
      return "A function in a destructuring declaration";
    case "BlockStatement":
    case "StaticBlock":
    case "SwitchCase":
      return "A function declared inside a block";
    default:
      return "A function inside an expression";
  }
}

function describeMember(node: AnyFunction, parent: Node): string | undefined {
  switch (parent.type) {
    case "Property":
      if (parent.value !== node) return undefined;
      if (parent.kind !== "init") return `The ${parent.kind}ter of an object`;
      return parent.method ? "An object method" : "A function that is a property of an object";
    case "MethodDefinition":
    case "TSAbstractMethodDefinition":
      if (parent.kind === "constructor") return "A constructor";
      return `${parent.key.type === "PrivateIdentifier" ? "A private" : parent.static ? "A static" : "A"} ${methodWord(parent.kind)} of a class`;
    case "PropertyDefinition":
    case "AccessorProperty":
      return "A function that is a field of a class";
    default:
      return undefined;
  }
}

function methodWord(kind: "method" | "get" | "set"): string {
  return kind === "method" ? "method" : `${kind}ter`;
}

function describeFunction(node: Node): string {
  const name = isFunction(node) ? node.id?.name : undefined;
  return name === undefined ? "another function" : `the function ${name}`;
}
