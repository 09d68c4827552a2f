import { type Comment, type ModuleExportName, type Node, type Program, parseSync } from "oxc-parser";
import { walk } from "oxc-walker";
import type { TextFile } from "./source-tree.ts";

/** A parsed TypeScript file. */
export interface SyntaxFile extends TextFile {
  readonly program: Program;
  readonly comments: readonly Comment[];
  /** Text of the first syntax error, when there is one; the program is then partial. */
  readonly syntaxError: string | undefined;
  /** 1-based line of an offset into the text. */
  lineAt(offset: number): number;
}

/** Parses one TypeScript file; a syntax error is reported in the result, not thrown. */
export function parse(file: TextFile): SyntaxFile {
  const result = parseSync(file.path, file.text);
  const lineStarts = [0, ...[...file.text.matchAll(/\n/g)].map((match) => match.index + 1)];
  return {
    ...file,
    program: result.program,
    comments: result.comments,
    syntaxError: result.errors[0]?.message,
    lineAt: (offset) => lineNumber(lineStarts, offset),
  };
}

function lineNumber(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** Calls back for every node of the file, parents first. */
export function visit(file: SyntaxFile, callback: (node: Node, parent: Node | null) => void): void {
  walk(file.program, { enter: (node, parent) => callback(node as Node, parent as Node | null) });
}

/** The name in an import or export list, which may be an identifier or a quoted string. */
export function exportName(node: ModuleExportName): string {
  return node.type === "Literal" ? node.value : node.name;
}
