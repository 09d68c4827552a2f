import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Contents by path; an object is written as JSON. */
export type RepositoryFiles = Readonly<Record<string, string | object>>;

/** A small repository on disk for one test; it is removed when the test ends. The answer is its root. */
export function temporaryRepository(files: RepositoryFiles): string {
  const root = mkdtempSync(join(tmpdir(), "perdure-repository-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, content] of Object.entries({ "package.json": { name: "repo" }, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}
