import type { Node } from "oxc-parser";
import type { Finding } from "../finding.ts";
import { isTest } from "../source-tree.ts";
import { type SyntaxFile, visit } from "../syntax.ts";

const fileLinesMax = 500;
const testFileLinesMax = 800;
const functionLinesMax = 70;

/** Files and functions that no longer fit in one head. Functions of tests are not counted: `describe` is one. */
export function checkSize(file: SyntaxFile): Finding[] {
  return [...fileLength(file), ...(isTest(file.path) ? [] : functionLengths(file))];
}

function fileLength({ path, text }: SyntaxFile): Finding[] {
  const lineCount = text.trimEnd().split("\n").length;
  const max = isTest(path) ? testFileLinesMax : fileLinesMax;
  if (lineCount <= max) return [];
  const message = `${lineCount} lines, at most ${max} are allowed; give each concept a file of its own.`;
  return [{ file: path, line: 1, rule: "file-length", message }];
}

function functionLengths(file: SyntaxFile): Finding[] {
  const findings: Finding[] = [];
  visit(file, (node) => {
    if (!isFunction(node)) return;
    const line = file.lineAt(node.start);
    const lineCount = file.lineAt(node.end - 1) - line + 1;
    if (lineCount <= functionLinesMax) return;
    const message = `A function of ${lineCount} lines, at most ${functionLinesMax} are allowed; name its parts.`;
    findings.push({ file: file.path, line, rule: "function-length", message });
  });
  return findings;
}

function isFunction({ type }: Node): boolean {
  return type === "FunctionDeclaration" || type === "FunctionExpression" || type === "ArrowFunctionExpression";
}
