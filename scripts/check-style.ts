/**
 * Checks the rules of style that the linter cannot know: sizes, names, public documentation, reasons for suppressions,
 * time and chance in the engine, traces of a machine. Each rule lives in `style/`; exceptions are listed by name.
 */
import { type Finding, printFindings } from "./finding.ts";
import { isTypeScript, readTree } from "./source-tree.ts";
import { checkAmbient } from "./style/ambient.ts";
import { checkEscapes } from "./style/escapes.ts";
import { checkLeaks } from "./style/leaks.ts";
import { checkNames } from "./style/names.ts";
import { checkPublicDocs } from "./style/public-docs.ts";
import { checkSize } from "./style/size.ts";
import { type StyleException, styleExceptions } from "./style-exceptions.ts";
import { parse, type SyntaxFile } from "./syntax.ts";
import { entryPoints, readPackages } from "./workspace.ts";

/** What the check saw: the findings, and how many files it read. */
export interface StyleReport {
  readonly findings: readonly Finding[];
  readonly checkedCount: number;
}

/** Checks the repository at `root`. */
export function checkStyle(root: string, exceptions: readonly StyleException[]): StyleReport {
  const files = readTree(root);
  const sources = files.filter(({ path }) => isTypeScript(path)).map(parse);
  const publicEntryPoints = readPackages(root)
    .filter(({ manifest }) => manifest.private !== true)
    .flatMap(entryPoints);
  const findings = [
    ...checkNames(files.map(({ path }) => path)),
    ...files.flatMap(checkLeaks),
    ...sources.flatMap(checkSource),
    ...checkPublicDocs(publicEntryPoints, new Map(sources.map((source) => [source.path, source]))),
  ];
  return { findings: applyExceptions(findings, exceptions), checkedCount: files.length };
}

function checkSource(file: SyntaxFile): Finding[] {
  if (file.syntaxError !== undefined) {
    return [{ file: file.path, line: 1, rule: "syntax", message: file.syntaxError }];
  }
  return [...checkSize(file), ...checkAmbient(file), ...checkEscapes(file)];
}

function applyExceptions(findings: readonly Finding[], exceptions: readonly StyleException[]): Finding[] {
  const left = findings.filter((finding) => !exceptions.some((exception) => covers(exception, finding)));
  const unused = exceptions.filter((exception) => !findings.some((finding) => covers(exception, finding)));
  const stale = unused.map(({ file, rule }) => ({
    file,
    line: 1,
    rule: "stale-exception",
    message: `The exception from "${rule}" is no longer needed; remove it from scripts/style-exceptions.ts.`,
  }));
  return [...left, ...stale];
}

function covers({ rule, file }: StyleException, finding: Finding): boolean {
  return rule === finding.rule && (file.endsWith("/") ? finding.file.startsWith(file) : finding.file === file);
}

if (process.argv[1] === import.meta.filename) {
  const { findings, checkedCount } = checkStyle(process.cwd(), styleExceptions);
  process.exitCode = printFindings("style", checkedCount, findings);
}
