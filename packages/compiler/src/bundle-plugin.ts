/** The bundler's plugin: compiles modules with directives, answers for Perdure's own modules, and records the graph. */

import { isBuiltin } from "node:module";
import { CompileError } from "@perdure/errors";
import type { Plugin } from "rolldown";
import { type BundleGraph, isUserFile, type LeftOut } from "./bundle-graph.ts";
import { moduleExtension } from "./contract.ts";
import { transformGuest, type workflowExports } from "./guest-module.ts";
import { analyseModule } from "./module-analysis.ts";
import { parseModule } from "./parse.ts";
import { isPerdureSpecifier, missingGuestImports, virtualModuleCode } from "./virtual-modules.ts";

/** The id of the generated module that collects the workflows. */
export const bundleEntryId = "\0perdure:workflows";
const guestPrefix = "\0perdure:guest:";

interface Compiled {
  readonly code: string;
  readonly map: string | null;
}

/** The plugin for one build; everything it learns goes into the graph and the two maps. */
export function bundlePlugin(graph: BundleGraph, entryCode: string, guestMaps: Map<string, string>): Plugin {
  return {
    name: "perdure",
    async resolveId(specifier, importer, { kind }) {
      if (specifier === bundleEntryId) return specifier;
      if (importer === undefined || importer === bundleEntryId) return graph.entry;
      const record = { importer, specifier, isRequire: kind === "require-call" };
      const leave = (leftOut: LeftOut) => {
        graph.imports.push({ ...record, target: undefined, leftOut });
        // Without side effects, so that an import of which nothing is used disappears.
        return { id: specifier, external: true, moduleSideEffects: false };
      };
      if (kind === "dynamic-import") return leave("dynamic");
      if (isPerdureSpecifier(specifier)) {
        if (virtualModuleCode(specifier) === undefined) return leave("unavailable");
        return { id: guestPrefix + specifier, moduleSideEffects: false };
      }
      if (isBuiltin(specifier) || /^bun(?::|$)/.test(specifier)) return leave("builtin");
      const resolved = await this.resolve(specifier, importer, { kind, skipSelf: true });
      if (resolved === null || resolved.external !== false) return leave("unresolved");
      graph.imports.push({ ...record, target: resolved.id, leftOut: undefined });
      return resolved;
    },
    load(id) {
      if (id === bundleEntryId) return entryCode;
      if (id.startsWith(guestPrefix)) return { code: virtualModuleCode(id.slice(guestPrefix.length)) ?? "" };
      return null;
    },
    transform(code, id) {
      if (id.startsWith("\0")) return null;
      graph.files.add(id);
      if (!moduleExtension.test(id)) return null;
      const compiled = compileGuest(graph, code, id);
      if (compiled === null) return null;
      if (compiled.map !== null) guestMaps.set(id, compiled.map);
      return compiled;
    },
  };
}

/** The generated module whose default export is `{ "<workflow id>": function }`. */
export function entryModuleCode(exports: ReturnType<typeof workflowExports>, entry: string): string {
  const from = JSON.stringify(entry);
  const imports = exports.map(({ exportName }, index) => `import { ${exportName} as w${index} } from ${from};\n`);
  const entries = exports.map(({ entry: { id } }, index) => `${JSON.stringify(id)}: w${index}`);
  return `${imports.join("")}export default { ${entries.join(", ")} };\n`;
}

/** Compiles one module of the graph; `null` leaves it as it is. Findings go into the graph, so that all are reported. */
function compileGuest(graph: BundleGraph, code: string, id: string): Compiled | null {
  const location = { file: id, root: graph.root };
  try {
    const analysis = analyseModule(code, location);
    const importsGuest = isUserFile(id) && /["']perdure(?:\/|["'])/.test(code);
    if (analysis === null) {
      if (importsGuest) graph.diagnostics.push(...missingGuestImports(parseModule(code, location), new Set()));
      return null;
    }
    const guest = transformGuest(analysis, id === graph.entry);
    graph.manifests.push(analysis.manifest);
    if (importsGuest) graph.diagnostics.push(...missingGuestImports(analysis, guest.deadSpecifiers));
    return { code: guest.code, map: guest.map.toString() };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    graph.diagnostics.push(...error.diagnostics);
    return null;
  }
}
