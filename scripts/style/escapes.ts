import type { Node } from "oxc-parser";
import type { Finding } from "../finding.ts";
import { isTest } from "../source-tree.ts";
import { type SyntaxFile, visit } from "../syntax.ts";

/** A reason is a sentence, not a word. */
const reasonWordsMin = 3;

/** Work put off, checks switched off without a reason, and errors that nobody can tell apart. */
export function checkEscapes(file: SyntaxFile): Finding[] {
  return [...commentEscapes(file), ...bareErrors(file)];
}

function commentEscapes(file: SyntaxFile): Finding[] {
  return file.comments.flatMap(({ value, start }) => {
    const problem = judgeComment(value);
    return problem === undefined ? [] : [{ file: file.path, line: file.lineAt(start), ...problem }];
  });
}

function judgeComment(text: string): Pick<Finding, "rule" | "message"> | undefined {
  const marker = /\b(TODO|FIXME|XXX|HACK)\b/.exec(text)?.[1];
  if (marker !== undefined) {
    return { rule: "unfinished", message: `${marker}: finish it, or write down the limit as a sentence.` };
  }
  const banned = /@ts-ignore|@ts-nocheck|eslint-disable|prettier-ignore/.exec(text)?.[0];
  if (banned !== undefined) return { rule: "suppression", message: `${banned} is not used here; fix the cause.` };
  const suppression = /@ts-expect-error|biome-ignore(?:-\w+)? [\w/]+/.exec(text);
  if (suppression === null) return undefined;
  const reason = text.slice(suppression.index + suppression[0].length).match(/[\p{L}\p{N}'`.-]{2,}/gu) ?? [];
  if (reason.length >= reasonWordsMin) return undefined;
  return { rule: "suppression", message: `${suppression[0]} needs its reason, as a sentence on the same line.` };
}

function bareErrors(file: SyntaxFile): Finding[] {
  if (isTest(file.path) || !/^(packages|scripts)\//.test(file.path)) return [];
  const findings: Finding[] = [];
  visit(file, (node) => {
    if (node.type !== "ThrowStatement" || !isBareError(node.argument)) return;
    const message = "throw a class of @perdure/errors: it has a code, a hint and a page.";
    findings.push({ file: file.path, line: file.lineAt(node.start), rule: "bare-error", message });
  });
  return findings;
}

function isBareError(node: Node): boolean {
  if (node.type !== "NewExpression" && node.type !== "CallExpression") return false;
  return node.callee.type === "Identifier" && node.callee.name === "Error";
}
