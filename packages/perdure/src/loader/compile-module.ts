/** One module's text made ready for Node: directives compiled, types and JSX taken out, source map inside. */
import { readFileSync } from "node:fs";
import { CompileError } from "@perdure/errors";
import { compiler, compilerFingerprint, hasModuleSyntax } from "./compiler.ts";
import { type DiskCache, digestOf } from "./disk-cache.ts";
import { declaredFormat, type ModuleFormat, mayHoldDirective, treatmentOf } from "./source-file.ts";

/** What Node runs in the place of a file. */
export interface CompiledModule {
  readonly format: ModuleFormat;
  readonly code: string;
}

/** Where the project is, and what it has compiled before. */
export interface CompileSite {
  readonly root: string;
  readonly cache: DiskCache;
}

/**
 * The compiled file, or null when Node can load it as it is. Throws `CompileError` when it cannot be compiled, and what `fs` throws
 * when it cannot be read.
 */
export function compileFile(path: string, { root, cache }: CompileSite): CompiledModule | null {
  const treatment = treatmentOf(path);
  if (treatment === "none") return null;
  const source = readFileSync(path, "utf8");
  if (treatment === "if-directive" && !mayHoldDirective(source)) return null;
  const declared = declaredFormat(path);
  const name = digestOf(path);
  const key = digestOf(JSON.stringify([compilerFingerprint(), root, declared, source]));
  const cached = cache.read(name, key);
  if (cached !== null) return parseEntry(cached);
  const compiled = compile(path, source, root, declared);
  cache.write(name, key, `${compiled.format}\n${compiled.code}`);
  return compiled;
}

function parseEntry(entry: string): CompiledModule {
  const end = entry.indexOf("\n");
  return { format: entry.slice(0, end) === "module" ? "module" : "commonjs", code: entry.slice(end + 1) };
}

function compile(path: string, source: string, root: string, declared: ModuleFormat | null): CompiledModule {
  const { code, map, manifest } = compiler().compileHost(source, { file: path, root });
  const [directive] = [...manifest.workflows, ...manifest.steps];
  const format = declared ?? detectFormat(path, source, directive !== undefined);
  if (format === "commonjs" && directive !== undefined) throw commonJsDirective(directive);
  return { format, code: map === null ? code : `${code}\n${inlineMap(map)}` };
}

function detectFormat(path: string, source: string, hasDirective: boolean): ModuleFormat {
  if (hasModuleSyntax(path, source)) return "module";
  return hasDirective && !path.endsWith("js") ? "module" : "commonjs";
}

function commonJsDirective(found: {
  readonly name: string;
  readonly file: string;
  readonly line: number;
}): CompileError {
  return new CompileError([
    {
      message: `${found.name} has a directive, and this file is a CommonJS module: directives need an ES module.`,
      file: found.file,
      line: found.line,
      column: 1,
      frame: "",
      hint: 'Rename the file to .mts or .mjs, or set "type": "module" in package.json, and use import and export.',
    },
  ]);
}

function inlineMap(map: object): string {
  const encoded = Buffer.from(JSON.stringify(map)).toString("base64");
  return `//# sourceMappingURL=data:application/json;base64,${encoded}`;
}
