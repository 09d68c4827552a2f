/**
 * The compiler, loaded when the first file has to be compiled. Its native parts take tens of milliseconds to load, and a start with a
 * full cache needs none of them. The load is synchronous, because module hooks are.
 */
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";

const require = createRequire(import.meta.url);

/** The compiler's module. */
export function compiler(): typeof import("@perdure/compiler") {
  return require("@perdure/compiler");
}

/** Tells whether a text is an ES module, as Node's own detection does. */
export function hasModuleSyntax(path: string, text: string): boolean {
  const { parseSync }: typeof import("oxc-parser") = require("oxc-parser");
  return parseSync(path, text).module.hasModuleSyntax;
}

let fingerprint: string | undefined;

/** Changes whenever the compiler may compile differently; part of every cache key. */
export function compilerFingerprint(): string {
  fingerprint ??= readFingerprint();
  return fingerprint;
}

function readFingerprint(): string {
  const manifest: { readonly version: string } = require("@perdure/compiler/package.json");
  const entry = require.resolve("@perdure/compiler");
  // An installed version never changes; a working copy does, under one version number.
  if (entry.includes(`${sep}node_modules${sep}`)) return manifest.version;
  const folder = dirname(entry);
  const newest = Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
  return `${manifest.version}+${newest}`;
}
