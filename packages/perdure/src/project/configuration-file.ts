/** Finds, loads and checks `perdure.config.*`. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { CompileError, ConfigError, formatDiagnostic } from "@perdure/errors";
import { compiler } from "../loader/compiler.ts";
import { installLoader } from "../loader/loader.ts";
import { checkConfiguration, type PerdureConfiguration } from "./configuration.ts";
import { ancestors } from "./project-root.ts";

/** In the order in which they are looked for; one folder may hold one of them. */
const configurationNames = ["ts", "mts", "js", "mjs"].map((extension) => `perdure.config.${extension}`);

/** The file that configures a process that works in `from`: looked for upwards, up to the project's root; null: none. */
export function findConfiguration(from: string, root: string): string | null {
  for (const folder of ancestors(from)) {
    const present = configurationNames.filter((name) => existsSync(join(folder, name)));
    const [name, second] = present;
    if (second !== undefined) {
      throw new ConfigError(`There are two configurations in one folder: ${present.join(" and ")}.`, {
        where: { file: relative(root, join(folder, second)) },
        hint: "Keep one of them.",
      });
    }
    if (name !== undefined) return join(folder, name);
    if (folder === root) return null;
  }
  return null;
}

/**
 * Loads a configuration file; TypeScript goes through the same loader as the program. Throws `ConfigError`, with the file and where
 * possible the line, when it does not parse, throws, exports nothing by default, or says something impossible.
 */
export async function loadConfiguration(path: string, root: string): Promise<PerdureConfiguration> {
  const where = relative(root, path);
  return checkConfiguration(await importDefault(path, root, where), where);
}

async function importDefault(path: string, root: string, where: string): Promise<unknown> {
  installLoader(root);
  let module: Record<string, unknown>;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw describeFailure(path, root, where, cause);
  }
  if ("default" in module) return module["default"];
  throw new ConfigError("The configuration has no default export.", {
    where: { file: where },
    hint: 'Write `export default defineConfig({ … })`, with defineConfig from "perdure/config".',
  });
}

/** A failed import as a configuration error; a syntax error in the file itself gets its line and frame. */
function describeFailure(path: string, root: string, where: string, cause: unknown): ConfigError {
  const syntax = CompileError.is(cause) ? cause : cause instanceof SyntaxError ? findSyntaxError(path, root) : null;
  const [first] = syntax?.diagnostics ?? [];
  if (syntax !== null && first !== undefined) {
    const details = syntax.diagnostics.map(formatDiagnostic).join("\n\n");
    const place = { file: first.file, line: first.line, column: first.column };
    return new ConfigError(`The configuration does not compile.\n${details}`, { where: place, cause: syntax });
  }
  const text = cause instanceof Error ? `${cause.name}: ${cause.message.split("\n", 1)[0] ?? ""}` : String(cause);
  return new ConfigError(`The configuration threw while it was loaded: ${text}`, {
    where: { file: where },
    hint: `Look into ${basename(path)} and what it imports; the cause is kept.`,
    cause,
  });
}

/** V8 gives no position with a syntax error in a module, so the file is parsed once more to find it. */
function findSyntaxError(path: string, root: string): CompileError | null {
  const text = readFileSync(path, "utf8");
  try {
    compiler().stripTypes(text, path.replace(/\.m?js$/, ".jsx"));
    return null;
  } catch (error) {
    if (!CompileError.is(error)) throw error;
    const file = relative(root, path);
    return new CompileError(error.diagnostics.map((diagnostic) => ({ ...diagnostic, file })));
  }
}
