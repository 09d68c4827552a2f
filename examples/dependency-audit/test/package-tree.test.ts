import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findPackages, measurePackage, readManifest } from "../src/package-tree.ts";

function tree(files: Readonly<Record<string, string>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "dependency-audit-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("packages are found once each, in the layouts of pnpm and npm", async () => {
  const root = tree({
    "node_modules/.bin/tool": "",
    "node_modules/.pnpm/a@1/node_modules/a/package.json": "{}",
    "node_modules/.pnpm/@s+b@1/node_modules/@s/b/package.json": "{}",
    "node_modules/.pnpm/lock.yaml": "",
    "node_modules/c/package.json": "{}",
    "node_modules/c/node_modules/d/package.json": "{}",
    "node_modules/no-package/readme.md": "",
  });
  symlinkSync(join(root, "node_modules/.pnpm/a@1/node_modules/a"), join(root, "node_modules/a"), "dir");
  expect((await findPackages(root)).map((folder) => folder.slice(root.length + "/node_modules/".length))).toEqual([
    ".pnpm/@s+b@1/node_modules/@s/b",
    ".pnpm/a@1/node_modules/a",
    "c",
    "c/node_modules/d",
  ]);
});

test("files are counted and hashed in the order of their paths, nested packages left out", async () => {
  const folder = tree({ "b.js": "22", "a/c.js": "1", "node_modules/d/index.js": "333" });
  const sha256 = createHash("sha256").update("a/c.js\x001b.js\x0022").digest("hex");
  expect(await measurePackage(folder)).toEqual({ fileCount: 2, byteCount: 3, sha256 });
});

test("a manifest without fields has a name from its folder and no licence", async () => {
  const folder = tree({ "left-pad/package.json": "{}" });
  expect(await readManifest(join(folder, "left-pad"))).toEqual({
    name: "left-pad",
    version: "none",
    licence: { name: "none", family: "unknown" },
  });
});
