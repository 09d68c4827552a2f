import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { generateProgram } from "./generate.ts";
import { printProgram } from "./print.ts";

const repository = resolve(import.meta.dirname, "../../..");

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

it("prints programs that the types of the package accept", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "perdure-sim-types-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const seed of seeds) writeFileSync(join(folder, `program-${seed}.ts`), printProgram(generateProgram(seed)));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const compilerOptions = {
    lib: ["esnext"],
    types: ["node"],
    typeRoots: [join(repository, "node_modules/@types")],
    noUnusedLocals: false,
    noEmit: true,
    paths: { perdure: [join(repository, "packages/perdure/src/index.ts")] },
  };
  const settings = { extends: join(repository, "tsconfig.test.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  const { stdout, stderr, status } = spawnSync("tsc", ["--project", folder, "--pretty", "false"], {
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  expect(`${stdout}${stderr}`).toBe("");
  expect(status).toBe(0);
}, 60_000);
