/**
 * Finds the directives of a module.
 *
 * Owns: which functions are workflows and steps, and the refusal of every directive that would otherwise have no effect
 * (D1: a directive either makes a workflow or a step, or it is an error; it is never silently ignored).
 * Does not own: ids and explicit names (module-analysis.ts), the rewriting (host-module.ts, guest-module.ts).
 */

import type { CompileDiagnostic } from "@perdure/errors";
import type { Node } from "oxc-parser";
import { walk } from "oxc-walker";
import { type AnyFunction, type Candidate, candidatesOf, isFunction } from "./candidates.ts";
import { diagnose } from "./diagnostic.ts";
import { type DirectiveVerdict, judgeStatement } from "./directive-text.ts";
import type { FunctionKind } from "./function-id.ts";
import { checkModuleExports } from "./module-exports.ts";
import type { ParsedModule } from "./parse.ts";
import { type Refusal, refuseBody, refuseFunction } from "./placement.ts";

/** A workflow or step function. */
export interface DirectiveFunction extends Candidate {
  readonly kind: FunctionKind;
}

/** What the directives of a module say. */
export interface Directives {
  /** In source order. */
  readonly functions: readonly DirectiveFunction[];
  /** The directive statements themselves, which no compiled module keeps. */
  readonly statements: readonly Node[];
  readonly diagnostics: readonly CompileDiagnostic[];
}

interface Search {
  readonly module: ParsedModule;
  readonly candidates: ReadonlyMap<AnyFunction, Candidate>;
  readonly ancestors: Node[];
  readonly kinds: Map<AnyFunction, FunctionKind>;
  readonly statements: Node[];
  readonly diagnostics: CompileDiagnostic[];
  moduleKind: FunctionKind | undefined;
}

/** Finds every directive of the module, legal or not. */
export function findDirectives(module: ParsedModule): Directives {
  const candidates = candidatesOf(module.program);
  const search: Search = {
    module,
    candidates: new Map(candidates.map((candidate) => [candidate.node, candidate])),
    ancestors: [],
    kinds: new Map(),
    statements: [],
    diagnostics: [],
    moduleKind: undefined,
  };
  walk(module.program, {
    enter(node) {
      const verdict = judgeStatement(node);
      if (verdict !== undefined) visitDirective(search, node, verdict);
      search.ancestors.push(node);
    },
    leave() {
      search.ancestors.pop();
    },
  });
  applyModuleDirective(search, candidates);
  return {
    functions: candidates.flatMap((candidate) => {
      const kind = search.kinds.get(candidate.node);
      return kind === undefined ? [] : [{ ...candidate, kind }];
    }),
    statements: search.statements,
    diagnostics: search.diagnostics,
  };
}

function visitDirective(search: Search, statement: Node, verdict: DirectiveVerdict): void {
  const parent = search.ancestors.at(-1);
  const owner = ownerOf(search.ancestors);
  const refusal = refuseStatement(statement, verdict, parent, owner);
  if (refusal !== undefined) {
    refuse(search, statement, refusal);
    return;
  }
  search.statements.push(statement);
  if (owner === undefined) search.moduleKind = verdict.kind;
  else acceptFunction(search, statement, owner, verdict.kind);
}

/** The function whose body holds the statement directly; `undefined` at module level and inside blocks. */
function ownerOf(ancestors: readonly Node[]): AnyFunction | undefined {
  const owner = ancestors.at(-2);
  return owner !== undefined && isFunction(owner) && owner.body === ancestors.at(-1) ? owner : undefined;
}

function refuseStatement(
  statement: Node,
  verdict: DirectiveVerdict,
  parent: Node | undefined,
  owner: AnyFunction | undefined,
): Refusal | undefined {
  const text = `"use ${verdict.kind}"`;
  if (verdict.is === "template") {
    return {
      message: "A directive in backticks has no effect.",
      hint: `Write it as a string: ${text}`,
    };
  }
  if (verdict.is === "misspelt") {
    return { message: `"${verdict.text}" is not a directive.`, hint: `Did you mean ${text}?` };
  }
  const block = parent?.type === "Program" || owner !== undefined ? bodyOf(parent) : [];
  if (block[0] === statement && isPlainString(statement)) return undefined;
  const earlier = block.slice(0, block.indexOf(statement)).map((other) => judgeStatement(other));
  const other = earlier.find((found) => found?.is === "directive");
  if (other !== undefined) {
    return {
      message:
        other.kind === verdict.kind
          ? `${text} stands here twice.`
          : "A function or module cannot have both directives.",
      hint:
        other.kind === verdict.kind
          ? "Remove one of the two."
          : "Keep one: a workflow decides what happens, a step does it.",
    };
  }
  const place = owner === undefined ? "file" : "function body";
  return {
    message: `The directive ${text} must be the first statement of the function body or of the file, as a plain string.`,
    hint:
      block.length > 0
        ? `Move it to the top of the ${place}; only comments may stand before it.`
        : "Move it to the top of a function at module level.",
  };
}

/** A string in parentheses is an expression; the tree has no node for parentheses, the offsets still tell. */
function isPlainString(statement: Node): boolean {
  return statement.type === "ExpressionStatement" && statement.expression.start === statement.start;
}

function bodyOf(node: Node | undefined): readonly Node[] {
  return node?.type === "Program" || node?.type === "BlockStatement" ? node.body : [];
}

function acceptFunction(search: Search, statement: Node, owner: AnyFunction, kind: FunctionKind): void {
  const candidate = search.candidates.get(owner);
  const refusal =
    candidate === undefined
      ? refuseFunction(kind, owner, search.ancestors.slice(0, -2))
      : refuseBody(kind, owner, candidate.name);
  if (refusal === undefined) search.kinds.set(owner, kind);
  else refuse(search, statement, refusal);
}

function applyModuleDirective(search: Search, candidates: readonly Candidate[]): void {
  const kind = search.moduleKind;
  const [first] = search.statements;
  if (kind === undefined || first === undefined) return;
  const problems = checkModuleExports(search.module, kind, candidates);
  search.diagnostics.push(...problems);
  if (problems.length === 0 && !candidates.some(({ exported }) => exported)) {
    refuse(search, first, {
      message: `This "use ${kind}" module exports no function, so the directive has no effect.`,
      hint: "Export the functions that it is meant for, or put the directive into each function.",
    });
  }
  for (const { node, name, exported } of candidates) {
    // A directive of the function itself wins: a workflow module may hold its own steps.
    if (!exported || search.kinds.has(node)) continue;
    const refusal = refuseBody(kind, node, name);
    if (refusal === undefined) search.kinds.set(node, kind);
    else refuse(search, node, refusal);
  }
}

function refuse(search: Search, node: Node, { message, hint }: Refusal): void {
  search.diagnostics.push(diagnose(search.module.source, node.start, message, hint));
}
