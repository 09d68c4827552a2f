/**
 * Builds the script of ONE workflow module: the module and everything that it imports, without the bodies of steps.
 *
 * The script is stored under a hash of its text, so the text depends on the program alone (B1): no absolute path, no
 * comment with a path, no order that depends on timing. The same project in another directory gives the same bytes.
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type CompileDiagnostic, CompileError } from "@perdure/errors";
import type { OutputChunk, RolldownLog, RolldownOptions } from "rolldown";
import { bundleErrors, bundleWarnings, throwFindings } from "./bundle-findings.ts";
import type { BundleGraph } from "./bundle-graph.ts";
import { bundleEntryId, bundlePlugin, entryModuleCode } from "./bundle-plugin.ts";
import { bundleVariable, scanBundle } from "./bundle-scan.ts";
import { bundlerErrors } from "./bundler-errors.ts";
import { bundleParameters } from "./contract.ts";
import { diagnoseFile } from "./diagnostic.ts";
import { relativePath } from "./function-id.ts";
import { workflowExports } from "./guest-module.ts";
import { mergeManifests, type StepEntry, type WorkflowEntry } from "./manifest.ts";
import { analyseModule } from "./module-analysis.ts";

/** What to bundle. */
export interface BundleOptions {
  /** Path of the workflow module. */
  readonly file: string;
  /** Path of the project root: ids and diagnostics name files from there. */
  readonly root: string;
  /** Export conditions to try before Perdure's own (`perdure-workflow`, `workflow`, `import`, `default`). */
  readonly conditions?: readonly string[];
}

/** A built workflow module. */
export interface WorkflowBundle {
  /**
   * One expression: a function of `bundleParameters` that evaluates the modules and returns `{ "<workflow id>": fn }`.
   */
  readonly code: string;
  /** Source map of `code` as JSON; its sources are paths from the project root. */
  readonly map: string;
  /** The workflows of the module itself, in source order. */
  readonly workflows: readonly WorkflowEntry[];
  /** Every step that the bundle can call, in the order of the ids. */
  readonly steps: readonly StepEntry[];
  /** Absolute paths of the files that were read, sorted; when none of them changed, the bundle has not either. */
  readonly inputs: readonly string[];
  /** Findings that do not stop the bundle from working. */
  readonly warnings: readonly CompileDiagnostic[];
}

const header = `(function (${bundleParameters.join(", ")}) { "use strict";\n`;
const footer = `return ${bundleVariable};\n})`;
/** What Node 22 runs without help; newer syntax (`using`) is lowered, so that a bundle runs on every supported Node. */
const syntaxTarget = "es2024";
const conditionNames = ["perdure-workflow", "workflow", "import", "default"];

/**
 * Builds the bundle of one workflow module.
 *
 * @throws CompileError with every finding when the module, or what it imports, cannot run as workflow code
 */
export async function bundleWorkflow(options: BundleOptions): Promise<WorkflowBundle> {
  const root = resolve(options.root);
  const entry = resolve(options.file);
  const file = relativePath(entry, root);
  const analysis = analyseModule(await readEntry(entry, file), { file: entry, root });
  if (analysis === null || analysis.manifest.workflows.length === 0) {
    const hint = 'Put "use workflow" into the body of an async function of the module.';
    throwFindings([diagnoseFile(file, "The module has no workflow, so there is nothing to bundle.", hint)]);
  }
  const graph: BundleGraph = { root, entry, imports: [], files: new Set([entry]), manifests: [], diagnostics: [] };
  const exports = analysis === null ? [] : workflowExports(analysis);
  const { chunk, logs } = await build(graph, entryModuleCode(exports, entry), options.conditions ?? []);
  const code = `${header}${chunk.code.trimEnd()}\n${footer}`;
  const map = bundleMap(chunk, graph);
  const { findings, stepIds } = scanBundle(code, map);
  throwFindings(bundleErrors(graph, chunk, findings));
  return {
    code,
    map,
    workflows: exports.map((workflow) => workflow.entry),
    steps: mergeManifests(graph.manifests).steps.filter(({ id }) => stepIds.has(id)),
    inputs: inputsOf(graph),
    warnings: [...bundleWarnings(graph, findings), ...logs],
  };
}

async function readEntry(entry: string, file: string): Promise<string> {
  try {
    return await readFile(entry, "utf8");
  } catch (cause) {
    throw new CompileError([diagnoseFile(file, "The workflow module cannot be read.", "Check the path.")], { cause });
  }
}

async function build(
  graph: BundleGraph,
  entryCode: string,
  conditions: readonly string[],
): Promise<{ chunk: OutputChunk; logs: CompileDiagnostic[] }> {
  // Loaded on demand: compiling host modules, which every start of a program does, needs no bundler.
  const { rolldown } = await import("rolldown");
  const guestMaps = new Map<string, string>();
  const logs: CompileDiagnostic[] = [];
  const onLog = (log: RolldownLog) => {
    if (!silencedLogs.has(log.code ?? "")) logs.push(...bundlerErrors(graph.root, [log], guestMaps));
  };
  const plugin = bundlePlugin(graph, entryCode, guestMaps);
  const bundler = await rolldown({ ...inputOptions(graph.root, conditions, onLog), plugins: [plugin] });
  try {
    const { output } = await bundler.generate(outputOptions);
    return { chunk: output[0], logs };
  } catch (error) {
    // Our own findings come first: a mistake that we explain often makes the bundler stumble over its consequence.
    throwFindings(bundleErrors(graph, { imports: [], modules: {} }, []), error);
    throwFindings(bundlerErrors(graph.root, error, guestMaps), error);
    throw error;
  } finally {
    await bundler.close();
  }
}

/** What these say is said better by our own findings, or is no concern of the user. */
const silencedLogs: ReadonlySet<string> = new Set([
  "CIRCULAR_DEPENDENCY",
  "EVAL",
  "MISSING_GLOBAL_NAME",
  "SOURCEMAP_BROKEN",
  "UNRESOLVED_IMPORT",
]);

function inputOptions(root: string, conditions: readonly string[], onLog: (log: RolldownLog) => void): RolldownOptions {
  return {
    input: bundleEntryId,
    cwd: root,
    platform: "neutral",
    logLevel: "warn",
    onLog: (_level, log) => onLog(log),
    resolve: { conditionNames: [...conditions, ...conditionNames], mainFields: ["module", "main"] },
    transform: {
      define: { "process.env.NODE_ENV": '"production"' },
      target: syntaxTarget,
      // Stated, so that a tsconfig.json that leaves JSX to another tool (`preserve`) does not leave it in the bundle.
      jsx: { runtime: "automatic" },
    },
    experimental: { attachDebugInfo: "none" },
  };
}

const outputOptions = {
  format: "iife",
  exports: "default",
  name: bundleVariable,
  sourcemap: "hidden",
  codeSplitting: false,
  strict: false,
  comments: false,
  generatedCode: { profilerNames: false },
} as const;

/** The bundler's map under our header line, with sources as paths from the root instead of its output directory. */
function bundleMap(chunk: OutputChunk, { root }: BundleGraph): string {
  const { sources = [], sourcesContent = [], names = [], mappings = "" } = chunk.map ?? {};
  const headerLines = ";".repeat(header.split("\n").length - 1);
  const relativeSources = sources.map((source) =>
    source.includes("\0") ? source : relativePath(resolve(root, "dist", source), root),
  );
  return JSON.stringify({
    version: 3,
    sources: relativeSources,
    sourcesContent,
    names,
    mappings: headerLines + mappings,
  });
}

function inputsOf({ files, entry }: BundleGraph): string[] {
  const tsconfig = nearestTsconfig(dirname(entry));
  return [...files, ...(tsconfig === undefined ? [] : [tsconfig])].sort();
}

function nearestTsconfig(directory: string): string | undefined {
  const candidate = join(directory, "tsconfig.json");
  if (existsSync(candidate)) return candidate;
  const parent = dirname(directory);
  return parent === directory ? undefined : nearestTsconfig(parent);
}
