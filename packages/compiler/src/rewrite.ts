/** Edits that host modules and workflow bundles have in common. */

import MagicString from "magic-string";
import type { Node } from "oxc-parser";
import type { AnyFunction } from "./candidates.ts";
import type { ModuleAnalysis } from "./module-analysis.ts";

/** A module under edit, its directives already taken out: a module that was compiled is never compiled again. */
export function withoutDirectives({ source, directiveStatements }: ModuleAnalysis): MagicString {
  const edited = new MagicString(source.text, { filename: source.file });
  for (const { start, end } of directiveStatements) edited.remove(start, end);
  return edited;
}

/** The block of a function with a directive; an arrow with an expression body has no directive, so it is never asked. */
export function bodyBlock(node: AnyFunction): Extract<Node, { type: "BlockStatement" }> | undefined {
  return node.body?.type === "BlockStatement" ? node.body : undefined;
}
