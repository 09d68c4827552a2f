import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Package } from "@arethetypeswrong/core";
import type { Finding } from "../finding.ts";
import { publicSpecifiers, runtimeDependencies, type WorkspacePackage } from "../workspace.ts";

/** A packed package: whose it is, and its files. */
export interface PackedFiles {
  readonly owner: WorkspacePackage;
  readonly files: Package;
}

/** How programs find modules and types today: as Node does, from ES modules and from CommonJS, and as bundlers do. */
const ways = [
  { name: "nodenext", program: "consumer.mts", options: ["--module", "nodenext"] },
  { name: "nodenext, CommonJS", program: "consumer.cts", options: ["--module", "nodenext"] },
  { name: "bundler", program: "consumer.mts", options: ["--module", "esnext", "--moduleResolution", "bundler"] },
];

/**
 * The findings of the TypeScript compiler in a strict program that imports every public module, with the packages
 * installed from their tarballs. Declarations are checked too, which `skipLibCheck` hides from most programs.
 */
export function checkConsumer(root: string, packed: readonly PackedFiles[]): Finding[] {
  if (packed.length === 0) return [];
  const folder = mkdtempSync(join(tmpdir(), "perdure-consumer-"));
  try {
    install(root, folder, packed);
    const specifiers = packed.flatMap(({ owner }) => publicSpecifiers(owner.manifest));
    const program = (line: (specifier: string, n: number) => string): string => `${specifiers.map(line).join("\n")}\n`;
    writeFileSync(
      join(folder, "consumer.mts"),
      program((name, n) => `export * as m${n} from "${name}";`),
    );
    writeFileSync(
      join(folder, "consumer.cts"),
      program((name, n) => `export import m${n} = require("${name}");`),
    );
    return ways.flatMap(({ name, program, options }) =>
      compile(folder, [program, ...options]).map(
        (message): Finding => ({ file: "package.json", line: 1, rule: "consumer", message: `${name}: ${message}` }),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function install(root: string, folder: string, packed: readonly PackedFiles[]): void {
  for (const { files } of packed) {
    for (const path of files.listFiles()) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), files.readFile(path));
    }
  }
  const names = new Set(packed.map(({ owner }) => owner.manifest.name));
  const installed = new Set<string>();
  const link = (from: string, name: string): void => {
    if (names.has(name) || installed.has(name)) return;
    installed.add(name);
    const target = join(folder, "node_modules", name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(resolve(root, from, "node_modules", name), target, "junction");
  };
  for (const { owner } of packed) for (const name of runtimeDependencies(owner.manifest)) link(owner.folder, name);
  link("", "@types/node");
}

function compile(folder: string, parameters: readonly string[]): string[] {
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2023", "--types", "node"];
  const { status, stdout, stderr } = spawnSync("tsc", [...options, "--pretty", "false", ...parameters], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status === 0) return [];
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  return lines.length === 0 ? [`tsc ended with ${status} and said nothing.`] : lines;
}
