import { posix } from "node:path";
import type { ExportNamedDeclaration, Program } from "oxc-parser";
import type { Finding } from "../finding.ts";
import { exportName, type SyntaxFile } from "../syntax.ts";

/** Files by their path from the root. */
type Files = ReadonlyMap<string, SyntaxFile>;

/** Where an exported name is declared. */
interface Declaration {
  readonly file: SyntaxFile;
  readonly start: number;
}

/** Exports that a user can reach from an entry point of a package and that no doc comment explains. */
export function checkPublicDocs(entryPoints: readonly string[], files: Files): Finding[] {
  const findings = new Map<string, Finding>();
  for (const entryPoint of entryPoints) {
    for (const name of exportedNames(entryPoint, files, new Set())) {
      const declarations = declarationsOf(entryPoint, name, files, new Set());
      const [first] = declarations;
      if (first === undefined || declarations.some(isDocumented)) continue;
      const { path } = first.file;
      const message = `${name} is public; say in a doc comment what one gets from it.`;
      findings.set(`${path} ${name}`, {
        file: path,
        line: first.file.lineAt(first.start),
        rule: "public-doc",
        message,
      });
    }
  }
  return [...findings.values()];
}

function exportedNames(path: string, files: Files, seen: Set<string>): string[] {
  const file = files.get(path);
  if (file === undefined || seen.has(path)) return [];
  seen.add(path);
  return file.program.body.flatMap((statement) => {
    if (statement.type === "ExportDefaultDeclaration") return ["default"];
    if (statement.type === "ExportAllDeclaration") {
      if (statement.exported !== null) return [];
      return exportedNames(resolve(path, statement.source.value), files, seen);
    }
    if (statement.type !== "ExportNamedDeclaration") return [];
    return [
      ...declaredNames(statement.declaration),
      ...statement.specifiers.map(({ exported }) => exportName(exported)),
    ];
  });
}

/** Every declaration of a name that a file exports: a value and a type may share it, and overloads repeat it. */
function declarationsOf(path: string, name: string, files: Files, seen: Set<string>): Declaration[] {
  const file = files.get(path);
  const visit = `${path} ${name}`;
  if (file === undefined || seen.has(visit)) return [];
  seen.add(visit);
  return file.program.body.flatMap((statement) => {
    if (statement.type === "ExportDefaultDeclaration") {
      return name === "default" ? [{ file, start: statement.start }] : [];
    }
    if (statement.type === "ExportAllDeclaration") {
      return declarationsOf(resolve(path, statement.source.value), name, files, seen);
    }
    if (statement.type !== "ExportNamedDeclaration") return [];
    if (declaredNames(statement.declaration).includes(name)) return [{ file, start: statement.start }];
    return forwarded(statement, name).flatMap((target) =>
      target.source === undefined
        ? localDeclarations(file, target.name, files, seen)
        : declarationsOf(resolve(path, target.source), target.name, files, seen),
    );
  });
}

/** What an `export { a as b }` or `export { a as b } from "x"` means by a name. */
function forwarded(
  statement: ExportNamedDeclaration,
  name: string,
): { readonly name: string; readonly source: string | undefined }[] {
  return statement.specifiers
    .filter(({ exported }) => exportName(exported) === name)
    .map(({ local }) => ({ name: exportName(local), source: statement.source?.value }));
}

function localDeclarations(file: SyntaxFile, name: string, files: Files, seen: Set<string>): Declaration[] {
  return file.program.body.flatMap((statement) => {
    if (statement.type !== "ImportDeclaration") {
      return declaredNames(statement).includes(name) ? [{ file, start: statement.start }] : [];
    }
    return statement.specifiers.flatMap((specifier) => {
      if (specifier.local.name !== name || specifier.type === "ImportNamespaceSpecifier") return [];
      const imported = specifier.type === "ImportSpecifier" ? exportName(specifier.imported) : "default";
      return declarationsOf(resolve(file.path, statement.source.value), imported, files, seen);
    });
  });
}

function declaredNames(node: ExportNamedDeclaration["declaration"] | Program["body"][number]): string[] {
  switch (node?.type) {
    case "VariableDeclaration":
      return node.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return node.id === null ? [] : [node.id.name];
    default:
      return [];
  }
}

/** A doc comment counts when nothing but other comments stands between it and the declaration. */
function isDocumented({ file, start }: Declaration): boolean {
  const doc = file.comments.findLast(
    (comment) => comment.type === "Block" && comment.value.startsWith("*") && comment.end <= start,
  );
  if (doc === undefined) return false;
  const between = file.text.slice(doc.end, start).replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
  return between.trim() === "" && doc.value.replace(/[*\s]/g, "") !== "";
}

function resolve(importer: string, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(posix.dirname(importer), specifier) : specifier;
}
