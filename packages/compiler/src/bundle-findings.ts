/** Turns what a build and the scan of its result found into findings with places, causes and advice. */

import { join } from "node:path";
import { type CompileDiagnostic, CompileError } from "@perdure/errors";
import { walk } from "oxc-walker";
import {
  type BundleGraph,
  diagnoseImport,
  type GraphImport,
  hasModuleSyntax,
  importChain,
  isUserFile,
  readSource,
} from "./bundle-graph.ts";
import type { BundleFinding, OriginalPlace } from "./bundle-scan.ts";
import { contains } from "./dead-code.ts";
import { diagnose, diagnoseFile } from "./diagnostic.ts";
import { duplicateIds, mergeManifests } from "./manifest.ts";
import { parseModule } from "./parse.ts";
import { SourceText } from "./source-text.ts";
import { virtualSpecifiers } from "./virtual-modules.ts";

const stepHint = 'Move the code that needs it into a step ("use step"): steps run on the host, with all of Node.';

/** The parts of the bundler's output that say what survived. */
export interface Survivors {
  /** Specifiers that the bundle still imports. */
  readonly imports: readonly string[];
  /** Rendered length by module id. */
  readonly modules: Readonly<Record<string, { readonly renderedLength: number }>>;
}

/** Everything that makes a built bundle unusable, in the order of the places. */
export function bundleErrors(
  graph: BundleGraph,
  survivors: Survivors,
  findings: readonly BundleFinding[],
): CompileDiagnostic[] {
  return sortByPlace([
    ...graph.diagnostics,
    ...duplicateFindings(graph),
    ...importFindings(graph, survivors),
    ...findings.flatMap((finding) => scanError(graph, finding) ?? []),
  ]);
}

/** The scan's findings that are no errors. */
export function bundleWarnings({ root }: BundleGraph, findings: readonly BundleFinding[]): CompileDiagnostic[] {
  return sortByPlace(
    findings.flatMap((finding) => {
      if (finding.is !== "floating-step" || !isCallStatement(root, finding.place)) return [];
      const { step, place } = finding;
      const message = `The promise of the step ${step} is dropped: nothing waits for its result or sees its failure.`;
      const hint = `Write \`await ${step}(…)\`; when it is meant so, \`void ${step}(…)\`.`;
      return [diagnosePlace(root, place, message, hint)];
    }),
  );
}

/**
 * Whether the user's own text has a bare call as a statement at the place. The bundler drops `void` and unused variables,
 * so that in the bundle a promise that is dropped on purpose looks like one that was forgotten.
 */
function isCallStatement(root: string, place: OriginalPlace): boolean {
  const file = join(root, place.file);
  const text = readSource(file);
  if (text === undefined) return false;
  const { program, source } = parseModule(text, { file, root });
  const offset = source.offset(place);
  let found = false;
  walk(program, {
    enter(node) {
      if (node.type === "ExpressionStatement" && node.start === offset)
        found ||= node.expression.type === "CallExpression";
      if (!contains(node, offset)) this.skip();
    },
  });
  return found;
}

function scanError({ root, ...graph }: BundleGraph, finding: BundleFinding): CompileDiagnostic | undefined {
  const { place } = finding;
  switch (finding.is) {
    case "dynamic-import":
      return diagnosePlace(
        root,
        place,
        "Workflow code cannot use import(): what it loads would not be part of the recorded bundle.",
        "Use an import statement at the top of the module, or move the import() into a step.",
      );
    case "eval":
      return diagnosePlace(
        root,
        place,
        "Workflow code cannot make code from strings (eval, Function).",
        "Write the code as a function, or move it into a step.",
      );
    case "require":
      return diagnosePlace(
        root,
        place,
        "Workflow code cannot use require().",
        "Use an import statement, or move it into a step.",
      );
    case "builtin-require": {
      const chain = importChain({ root, ...graph }, join(root, place.file));
      return diagnosePlace(root, place, builtinMessage(finding.specifier, chain), stepHint);
    }
    case "floating-step":
      return undefined;
  }
}

function importFindings(graph: BundleGraph, { imports, modules }: Survivors): CompileDiagnostic[] {
  const surviving = new Set(imports);
  return graph.imports.flatMap((found) => {
    if (found.isRequire) return requireFinding(graph, found) ?? [];
    const isRendered = (modules[found.importer]?.renderedLength ?? 0) > 0;
    const survives = surviving.has(found.specifier) && isRendered;
    // The user's own imports of what is not there are errors even when nothing of them is used, as everywhere else.
    const isUsersMistake = isUserFile(found.importer) && found.leftOut !== "builtin";
    if (!survives && !isUsersMistake) return [];
    return leftOutFinding(graph, found) ?? [];
  });
}

function requireFinding(graph: BundleGraph, found: GraphImport): CompileDiagnostic | undefined {
  // A built-in module that is required shows up in the scan of the finished text; packages may be CommonJS.
  if (found.leftOut === "builtin" || !isUserFile(found.importer)) return undefined;
  const text = readSource(found.importer);
  if (text === undefined || !hasModuleSyntax(found.importer, text)) return undefined;
  return diagnoseImport(graph, found, "An ECMAScript module cannot use require().", "Use an import statement.");
}

function leftOutFinding(graph: BundleGraph, found: GraphImport): CompileDiagnostic | undefined {
  const { leftOut, specifier, importer } = found;
  switch (leftOut) {
    case "builtin":
      return diagnoseImport(graph, found, builtinMessage(specifier, importChain(graph, importer)), stepHint);
    case "unresolved":
      return diagnoseImport(
        graph,
        found,
        `The import "${specifier}" cannot be resolved.`,
        "Check the spelling, install the package, or add the path to tsconfig.json. A package must have an export for " +
          "one of the conditions perdure-workflow, workflow, import or default.",
      );
    case "unavailable":
      return diagnoseImport(
        graph,
        found,
        `Workflow code cannot import "${specifier}": it works only outside of workflows.`,
        `Workflow code can import ${virtualSpecifiers.join(", ")}; anything else belongs into a step.`,
      );
    default:
      return undefined;
  }
}

function builtinMessage(specifier: string, chain: readonly string[]): string {
  return `Workflow code cannot use the built-in module "${specifier}" (${[...chain, specifier].join(" → ")}).`;
}

function duplicateFindings({ root, manifests }: BundleGraph): CompileDiagnostic[] {
  return duplicateIds(mergeManifests(manifests)).map(({ id, first, second }) =>
    diagnosePlace(
      root,
      { file: second.file, line: second.line, column: 1 },
      `Two functions have the id ${id}: ${first.name} in ${first.file}:${first.line} and ${second.name} here.`,
      "Give one of them another name.",
    ),
  );
}

function diagnosePlace(root: string, place: OriginalPlace, message: string, hint: string): CompileDiagnostic {
  const text = readSource(join(root, place.file));
  if (text === undefined) return { ...diagnoseFile(place.file, message, hint), line: place.line, column: place.column };
  const source = new SourceText(place.file, text);
  return diagnose(source, source.offset(place), message, hint);
}

/** In the order of the places; of several findings at one place the first stays. */
function sortByPlace(diagnostics: readonly CompileDiagnostic[]): CompileDiagnostic[] {
  const byPlace = new Map<string, CompileDiagnostic>();
  for (const found of diagnostics) {
    const place = `${found.file}:${found.line}:${found.column}`;
    if (!byPlace.has(place)) byPlace.set(place, found);
  }
  return [...byPlace.values()].toSorted((left, right) => {
    if (left.file !== right.file) return left.file < right.file ? -1 : 1;
    return left.line - right.line || left.column - right.column;
  });
}

/** Throws the findings as one error when there are any; `cause` is the bundler's own error, if it made them. */
export function throwFindings(diagnostics: readonly CompileDiagnostic[], cause?: unknown): void {
  if (diagnostics.length > 0) throw new CompileError(diagnostics, { cause });
}
