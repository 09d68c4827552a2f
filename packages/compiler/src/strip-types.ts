/** Takes TypeScript and JSX out of a module, so that Node can run it. */

import { basename } from "node:path";
import { CompileError } from "@perdure/errors";
import { transformSync } from "oxc-transform";
import { diagnose } from "./diagnostic.ts";
import type { SourceMap } from "./source-map.ts";
import { SourceText } from "./source-text.ts";

/** JavaScript, and a map to the text it was made from; `map` is `null` when the text needed no change. */
export interface StrippedModule {
  readonly code: string;
  readonly map: SourceMap | null;
}

/**
 * Takes types out of `.ts`, `.mts`, `.cts`, and types and JSX out of `.tsx` and `.jsx`; other files come back unchanged.
 * Enums and namespaces become JavaScript, JSX uses the automatic runtime, decorators stay as they are (the legacy
 * dialect is off). The map's one source is the file's base name.
 *
 * @throws CompileError when the text is not valid syntax
 */
export function stripTypes(code: string, file: string): StrippedModule {
  if (!/\.(?:[cm]?ts|tsx|jsx)$/.test(file)) return { code, map: null };
  const result = transformSync(basename(file), code, {
    sourcemap: true,
    sourceType: file.endsWith(".cts") ? "commonjs" : "module",
    jsx: { runtime: "automatic" },
    decorator: { legacy: false },
  });
  const errors = result.errors.filter((error) => error.severity === "Error");
  if (errors.length > 0) {
    const source = new SourceText(file, code);
    throw new CompileError(
      errors.map((error) =>
        diagnose(source, error.labels[0]?.start ?? 0, `Syntax error: ${error.message}`, error.helpMessage ?? ""),
      ),
    );
  }
  if (result.map === undefined) return { code: result.code, map: null };
  const { sources, sourcesContent, names, mappings } = result.map;
  return {
    code: result.code,
    map: { version: 3, sources, names, mappings, ...(sourcesContent === undefined ? {} : { sourcesContent }) },
  };
}
