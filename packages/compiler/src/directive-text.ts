/** Tells directives, their misspellings and ordinary strings apart. */

import type { Node } from "oxc-parser";
import type { FunctionKind } from "./function-id.ts";

/** What a string statement is: a directive, nearly one, or nothing to do with us. */
export type DirectiveVerdict =
  | { readonly is: "directive"; readonly kind: FunctionKind }
  | { readonly is: "misspelt"; readonly kind: FunctionKind; readonly text: string }
  | { readonly is: "template"; readonly kind: FunctionKind };

/**
 * A cheap first look at a module's text: only when it is true can the module hold a directive or a misspelt one.
 * It is wider than the directives themselves, so that `"use steps"` is an error and not silence.
 */
export function mayHoldDirective(text: string): boolean {
  return /["'`]\s*use[\s_-]*(?:step|work)/i.test(text);
}

/** Judges a statement; `undefined` for everything that is neither a directive nor nearly one. */
export function judgeStatement(statement: Node): DirectiveVerdict | undefined {
  if (statement.type !== "ExpressionStatement") return undefined;
  const { expression } = statement;
  if (expression.type === "TemplateLiteral") {
    const text = expression.expressions.length === 0 ? expression.quasis[0]?.value.cooked : undefined;
    const kind = text === undefined || text === null ? undefined : nearestKind(text);
    return kind === undefined ? undefined : { is: "template", kind };
  }
  if (expression.type !== "Literal" || typeof expression.value !== "string") return undefined;
  const text = expression.value;
  if (text === "use step") return { is: "directive", kind: "step" };
  if (text === "use workflow") return { is: "directive", kind: "workflow" };
  const kind = nearestKind(text);
  return kind === undefined ? undefined : { is: "misspelt", kind, text };
}

/** The directive that a text is, or is at most one letter away from when case and separators are ignored. */
function nearestKind(text: string): FunctionKind | undefined {
  const plain = text.toLowerCase().replaceAll(/[^a-z]/g, "");
  if (editDistance(plain, "usestep") <= 1) return "step";
  if (editDistance(plain, "useworkflow") <= 2) return "workflow";
  return undefined;
}

/** Levenshtein's distance, one row at a time (Wagner and Fischer, 1974). */
function editDistance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 2) return 3;
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
