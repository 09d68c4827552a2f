/** One violation of a rule of this repository, at a place that an editor can open. */
export interface Finding {
  /** Path from the repository's root, with forward slashes. */
  readonly file: string;
  /** 1-based line. */
  readonly line: number;
  /** Short name of the rule, as `style-exceptions.ts` spells it. */
  readonly rule: string;
  /** What is wrong and what to do instead, as a sentence. */
  readonly message: string;
}

/** Prints the findings in the order of file and line, then one closing line; the answer is the process's exit code. */
export function printFindings(check: string, checkedCount: number, findings: readonly Finding[]): 0 | 1 {
  const ordered = [...findings].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  for (const { file, line, rule, message } of ordered) console.log(`${file}:${line} [${rule}] ${message}`);
  console.log(`${check}: ${checkedCount} files checked, ${findings.length} findings`);
  return findings.length === 0 ? 0 : 1;
}
