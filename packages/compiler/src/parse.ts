/** From the text of a module to its syntax tree. */

import { CompileError } from "@perdure/errors";
import { type ParseResult, parseSync } from "oxc-parser";
import { diagnose } from "./diagnostic.ts";
import { relativePath } from "./function-id.ts";
import { SourceText } from "./source-text.ts";

export type Program = ParseResult["program"];

/** A parsed module. */
export interface ParsedModule {
  readonly source: SourceText;
  readonly program: Program;
  /** True when types must be stripped before the module can run. */
  readonly isTypeScript: boolean;
}

/** Where a module is, and the project that it belongs to. */
export interface ModuleLocation {
  /** Absolute path of the file. */
  readonly file: string;
  /** Absolute path of the project root: ids and diagnostics name files from there. */
  readonly root: string;
}

/**
 * Parses a module; its extension decides on TypeScript and JSX.
 *
 * @throws CompileError when the text is not valid syntax
 */
export function parseModule(text: string, { file, root }: ModuleLocation): ParsedModule {
  const source = new SourceText(relativePath(file, root), text);
  const language = languageOf(file);
  // Files that may be CommonJS are read as scripts when they have no module syntax: a package's old script that merely
  // mentions a directive must not fail on syntax that modules forbid.
  const sourceType = /\.c?jsx?$/.test(file) ? "unambiguous" : "module";
  // Without parenthesis nodes, `const f = (async () => {})` has the same tree as the form without parentheses.
  const result = parseSync(file, text, { lang: language, sourceType, preserveParens: false });
  const errors = result.errors.filter((error) => error.severity === "Error");
  if (errors.length > 0) {
    throw new CompileError(
      errors.map((error) =>
        diagnose(source, error.labels[0]?.start ?? 0, `Syntax error: ${error.message}`, error.helpMessage ?? ""),
      ),
    );
  }
  return { source, program: result.program, isTypeScript: language.startsWith("ts") };
}

/** The module's path from the project root, as manifests and diagnostics name it. */
export function relativePathOf({ file, root }: ModuleLocation): string {
  return relativePath(file, root);
}

/** The parser's language for a file. Plain JavaScript is read with JSX, which it is a subset of. */
export function languageOf(file: string): "ts" | "tsx" | "jsx" {
  if (/\.[cm]?ts$/.test(file)) return "ts";
  return file.endsWith(".tsx") ? "tsx" : "jsx";
}
