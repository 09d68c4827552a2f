import { expect, test } from "vitest";
import { checkPackages } from "./check-packages.ts";
import { type RepositoryFiles, temporaryRepository } from "./temporary-repository.ts";

/** A manifest as the packages here have it. */
const manifest = {
  name: "a",
  version: "1.0.0",
  license: "MIT",
  type: "module",
  engines: { node: ">=22" },
  files: ["dist", "src"],
  exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" }, "./package.json": "./package.json" },
};

const sound = {
  "node_modules/@types/node/package.json": { name: "@types/node", version: "1.0.0", types: "index.d.ts" },
  "node_modules/@types/node/index.d.ts": "declare const process: { readonly pid: number };\n",
  "packages/a/package.json": manifest,
  "packages/a/dist/index.js": "export const one = 1;\n",
  "packages/a/dist/index.js.map": { version: 3, sources: ["../src/index.ts"], mappings: "" },
  "packages/a/dist/index.d.ts": "export declare const one: 1;\n",
  "packages/a/src/index.ts": "export const one = 1;\n",
} satisfies RepositoryFiles;

/** The rules that complain, and what they say, about the sound package with these files changed. */
async function findingsWith(files: RepositoryFiles): Promise<[rule: string, message: string][]> {
  const { findings } = await checkPackages(temporaryRepository({ ...sound, ...files }));
  return findings.map(({ rule, message }) => [rule, message]);
}

test("a sound package passes, and every file of it is counted", async () => {
  const { findings, checkedCount } = await checkPackages(temporaryRepository(sound));
  expect(findings).toEqual([]);
  expect(checkedCount).toBe(5);
});

test("a package that is private is not looked at", async () => {
  const report = await checkPackages(
    temporaryRepository({ ...sound, "packages/a/package.json": { name: "a", private: true } }),
  );
  expect(report).toEqual({ findings: [], checkedCount: 0 });
});

test("an entry point that is not published is found by all who look", async () => {
  const files = { "packages/a/package.json": { ...manifest, files: ["src"] } };
  const findings = await findingsWith(files);
  expect(new Set(findings.map(([rule]) => rule))).toEqual(new Set(["publint", "types", "consumer"]));
});

test("a types condition that comes too late is found", async () => {
  const exports = { ".": { default: "./dist/index.js", types: "./dist/index.d.ts" } };
  const findings = await findingsWith({ "packages/a/package.json": { ...manifest, exports } });
  expect(findings).toContainEqual(["publint", expect.stringContaining("types should be the first")]);
});

test("declarations that a strict program cannot compile are found, in each way of resolution", async () => {
  const findings = await findingsWith({ "packages/a/dist/index.d.ts": "export declare const one: Missing;\n" });
  expect(findings.map(([rule, message]) => [rule, message.split(": ")[0]])).toEqual([
    ["consumer", "nodenext"],
    ["consumer", "nodenext, CommonJS"],
    ["consumer", "bundler"],
  ]);
  expect(findings[0]?.[1]).toContain("Cannot find name 'Missing'");
});

test("a map without its source, a test and a build's notes are not to be published", async () => {
  const findings = await findingsWith({
    "packages/a/dist/gone.js.map": { version: 3, sources: ["../src/gone.ts"], mappings: "" },
    "packages/a/src/index.test.ts": "export {};\n",
    "packages/a/dist/.tsbuildinfo": "{}",
  });
  expect(findings.sort()).toEqual([
    ["lost-source", "The sources of 1 maps would not be published: dist/gone.js.map."],
    ["needless-file", 'dist/.tsbuildinfo would be published; leave it out by "files".'],
    ["needless-file", 'src/index.test.ts would be published; leave it out by "files".'],
  ]);
});

test("install scripts are found, in the package and in what it brings", async () => {
  const findings = await findingsWith({
    "packages/a/package.json": { ...manifest, scripts: { postinstall: "exit" }, dependencies: { b: "1" } },
    "packages/a/node_modules/b/package.json": { name: "b", version: "1.0.0", dependencies: { c: "1", absent: "1" } },
    "node_modules/c/package.json": { name: "c", version: "1.0.0", scripts: { install: "exit", test: "exit" } },
    "node_modules/c/binding.gyp": "{}",
  });
  const because = "script on the machine of whoever installs this package.";
  expect(findings).toEqual([
    ["install-script", `a would run its postinstall ${because}`],
    ["install-script", `c would run its install ${because}`],
    ["install-script", `c would run its node-gyp ${because}`],
  ]);
});
