import { posix } from "node:path";
import type { Node } from "oxc-parser";
import { type SyntaxFile, visit } from "../syntax.ts";

/** One import of a file. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /**
   * `value`: the module is loaded with this one. `type`: the statement is erased (`import { type T }` is not: the
   * compiler keeps the bare import). `lazy`: `import()`, loaded when the code gets there.
   */
  readonly kind: "value" | "type" | "lazy";
}

/** Every import of a file with a specifier that is a plain string, re-exports included. */
export function importsOf(file: SyntaxFile): Import[] {
  const imports: Import[] = [];
  visit(file, (node) => {
    const found = importIn(node);
    if (found !== undefined) imports.push({ ...found, line: file.lineAt(node.start) });
  });
  return imports;
}

function importIn(node: Node): Omit<Import, "line"> | undefined {
  switch (node.type) {
    case "ImportDeclaration":
      return { specifier: node.source.value, kind: node.importKind === "type" ? "type" : "value" };
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      if (node.source === null) return undefined;
      return { specifier: node.source.value, kind: node.exportKind === "type" ? "type" : "value" };
    case "ImportExpression":
      if (node.source.type !== "Literal" || typeof node.source.value !== "string") return undefined;
      return { specifier: node.source.value, kind: "lazy" };
    case "TSImportType":
      return { specifier: node.source.value, kind: "type" };
    default:
      return undefined;
  }
}

/** The file that a relative specifier means, as a path from the root. */
export function resolveRelative(importer: string, specifier: string): string {
  return posix.join(posix.dirname(importer), specifier);
}

/** True for `./a.ts` and `../a.ts`. */
export function isRelative(specifier: string): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../");
}
