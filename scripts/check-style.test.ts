import { describe, expect, test } from "vitest";
import { checkStyle } from "./check-style.ts";
import type { StyleException } from "./style-exceptions.ts";
import { type RepositoryFiles, temporaryRepository } from "./temporary-repository.ts";

function findingsIn(files: RepositoryFiles, exceptions: readonly StyleException[] = []): string[] {
  const { findings } = checkStyle(temporaryRepository(files), exceptions);
  return findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`);
}

/** The findings in one file of the engine, as `line rule`. */
function findingsInCore(text: string): string[] {
  return findingsIn({ "packages/core/src/a.ts": text }).map((finding) => finding.split(":")[1] ?? "");
}

const lines = (count: number): string => "void 0;\n".repeat(count);

describe("sizes", () => {
  test("a file may have 500 lines and a test 800", () => {
    expect(
      findingsIn({
        "packages/core/src/full.ts": lines(500),
        "packages/core/src/over.ts": lines(501),
        "packages/core/src/full.test.ts": lines(800),
        "packages/core/src/over.test.ts": lines(801),
      }),
    ).toEqual(["packages/core/src/over.test.ts:1 file-length", "packages/core/src/over.ts:1 file-length"]);
  });

  test.each([
    ["function declaration", "function f() {", "}"],
    ["arrow function", "const f = () => {", "};"],
    ["method", "class C { m() {", "} }"],
  ])("a %s may have 70 lines", (_kind, head, tail) => {
    expect(findingsInCore(`${head}\n${lines(68)}${tail}\n`)).toEqual([]);
    expect(findingsInCore(`\n${head}\n${lines(69)}${tail}\n`)).toEqual(["2 function-length"]);
  });

  test("functions of tests are not measured", () => {
    expect(findingsIn({ "bench/src/a.test.ts": `describe("all", () => {\n${lines(200)}});` })).toEqual([]);
  });
});

describe("names", () => {
  test("names that say nothing are found for files and folders", () => {
    expect(findingsIn({ "packages/core/src/utils.ts": "", "docs/misc/page.md": "", "src/commonplace.ts": "" })).toEqual(
      ["packages/core/src/utils.ts:1 file-name", "docs/misc:1 file-name"],
    );
  });

  test("a file and a folder of one name are found, for tests as well", () => {
    const files = {
      "src/step.ts": "",
      "src/step/run.ts": "",
      "src/wait.test.ts": "",
      "src/wait/a.ts": "",
      ".ci/run": "",
    };
    expect(findingsIn(files)).toEqual(["src/step.ts:1 same-stem", "src/wait.test.ts:1 same-stem"]);
  });
});

describe("time and chance in the engine", () => {
  test.each([
    "Date.now();",
    "new Date();",
    "Date();",
    "globalThis.Date.now();",
    'Date["now"]();',
    "Math.random();",
    "performance.now();",
    "crypto.randomUUID();",
    "crypto.getRandomValues(bytes);",
    "process.env;",
    "process.hrtime.bigint();",
    "setTimeout(f, 1);",
    "globalThis.setImmediate(f);",
    'import { randomBytes } from "node:crypto";',
    'import { setTimeout as sleep } from "node:timers/promises";',
    'import { env as settings } from "process";',
    'import { performance } from "node:perf_hooks";',
  ])("%s is found", (statement) => {
    expect(findingsInCore(`\n${statement}`)).toEqual(["2 ambient"]);
  });

  test.each([
    "new Date(env.now());",
    "env.setTimeout(f, 1);",
    "const globals = { setTimeout: forbidden, Date: LogDate };",
    'import { createHash } from "node:crypto";',
    'import type { webcrypto } from "node:crypto";',
    "Date.parse(text);",
    "// Date.now() is the log's.",
  ])("%s is not", (statement) => {
    expect(findingsInCore(statement)).toEqual([]);
  });

  test("other packages and tests may look at the clock", () => {
    const text = "Date.now();";
    expect(findingsIn({ "packages/cli/src/a.ts": text, "packages/core/src/a.test.ts": text })).toEqual([]);
  });
});

describe("escapes", () => {
  test.each([
    ["// TODO later", "unfinished"],
    ["/* FIXME */", "unfinished"],
    ["// @ts-ignore because the types of the library are wrong", "suppression"],
    ["// @ts-expect-error", "suppression"],
    ["// @ts-expect-error wrong", "suppression"],
    ["// biome-ignore lint/suspicious/noExplicitAny: needed", "suppression"],
    ['throw new Error("no");', "bare-error"],
    ['throw Error("no");', "bare-error"],
  ])("%s is found", (statement, rule) => {
    expect(findingsInCore(statement)).toEqual([`1 ${rule}`]);
  });

  test.each([
    '"TODO";',
    "// @ts-expect-error a step takes no function, and that is what this line proves",
    "// biome-ignore lint/suspicious/noExplicitAny: the caller's arguments are of any type",
    'throw new TypeError("what the platform throws");',
    'const error = new Error("not thrown");',
  ])("%s is not", (statement) => {
    expect(findingsInCore(statement)).toEqual([]);
  });

  test("tests and examples may throw plain errors, as user code does", () => {
    const text = 'throw new Error("boom");';
    expect(findingsIn({ "packages/core/src/a.test.ts": text, "examples/shop/steps.ts": text })).toEqual([]);
  });
});

describe("public documentation", () => {
  const manifest = { name: "@perdure/errors", exports: { ".": { "@perdure/source": "./src/index.ts" } } };
  const inPackage = (sources: Readonly<Record<string, string>>, extra: object = {}): string[] => {
    const files = Object.entries(sources).map(([name, text]) => [`packages/errors/src/${name}`, text]);
    return findingsIn({ "packages/errors/package.json": { ...manifest, ...extra }, ...Object.fromEntries(files) });
  };

  test("every export that an entry point reaches needs a doc comment, however it got there", () => {
    const findings = inPackage({
      "index.ts": [
        'export { a, renamed as b } from "./direct.ts";',
        'export * from "./all.ts";',
        'import { viaLocal } from "./direct.ts";',
        "export { viaLocal };",
        "export const here = 1;",
      ].join("\n"),
      "direct.ts":
        "export const a = 1;\nexport const renamed = 2;\nexport const viaLocal = 3;\nexport const hidden = 4;",
      "all.ts":
        "export type T = string;\nexport interface I {}\nexport class C {}\nfunction later() {}\nexport { later };",
    });
    expect(findings.sort()).toEqual([
      "packages/errors/src/all.ts:1 public-doc",
      "packages/errors/src/all.ts:2 public-doc",
      "packages/errors/src/all.ts:3 public-doc",
      "packages/errors/src/all.ts:4 public-doc",
      "packages/errors/src/direct.ts:1 public-doc",
      "packages/errors/src/direct.ts:2 public-doc",
      "packages/errors/src/direct.ts:3 public-doc",
      "packages/errors/src/index.ts:5 public-doc",
    ]);
  });

  test("a doc comment directly above is enough; one doc serves overloads and a type of the same name", () => {
    const findings = inPackage({
      "index.ts": [
        "/** One. */",
        "export const one = 1;",
        "/** Two. */",
        "// biome-ignore lint/style/useConst: a binding that changes later on",
        "export let two = 2;",
        "/** Three. */",
        "export function three(a: string): void;",
        "export function three(a: number): void;",
        "export function three(): void {}",
        "/** Four. */",
        "export const Four = {};",
        "export type Four = typeof Four;",
      ].join("\n"),
    });
    expect(findings).toEqual([]);
  });

  test("an empty doc, a plain comment, and the doc of the thing before do not count", () => {
    const findings = inPackage({
      "index.ts": [
        "/** */",
        "export const one = 1;",
        "/* Two. */",
        "export const two = 2;",
        "/** Private. */",
        "const before = 0;",
        "export const three = before;",
      ].join("\n"),
    });
    expect(findings).toEqual([
      "packages/errors/src/index.ts:2 public-doc",
      "packages/errors/src/index.ts:4 public-doc",
      "packages/errors/src/index.ts:7 public-doc",
    ]);
  });

  test("a private package has no public", () => {
    expect(inPackage({ "index.ts": "export const one = 1;" }, { private: true })).toEqual([]);
  });
});

describe("traces of a machine", () => {
  // Assembled, so that this file holds none itself.
  const home = ["", "home", "ada", "perdure"].join("/");
  const registry = ["https:/", "registry.example.org", "left-pad"].join("/");

  test("paths of a machine and hosts of registries are found in any text file", () => {
    expect(
      findingsIn({ "docs/a.md": `see\n${home}`, "lock.yaml": `tarball: ${registry}`, ".ci/run": `cd ${home}` }),
    ).toEqual([".ci/run:1 machine-path", "docs/a.md:2 machine-path", "lock.yaml:1 registry-address"]);
  });

  test("an address that looks like a path, and a documentation page, are not", () => {
    expect(
      findingsIn({ "docs/a.md": `https://example.org${home} https://docs.example.org/package/zod ./work/a` }),
    ).toEqual([]);
  });
});

describe("exceptions", () => {
  const files = { "packages/core/src/clock/real.ts": "Date.now();", "packages/core/src/run.ts": "Date.now();" };

  test("an exception covers its rule in its file or folder, and nothing else", () => {
    const exceptions = [{ rule: "ambient", file: "packages/core/src/clock/", reason: "It is the clock." }];
    expect(findingsIn(files, exceptions)).toEqual(["packages/core/src/run.ts:1 ambient"]);
  });

  test("an exception that covers nothing is a finding", () => {
    const exceptions = [{ rule: "file-length", file: "packages/core/src/run.ts", reason: "It was long." }];
    expect(findingsIn(files, exceptions)).toContain("packages/core/src/run.ts:1 stale-exception");
  });
});

test("a file that does not parse is a finding, not a crash", () => {
  expect(findingsInCore("const = ;")).toEqual(["1 syntax"]);
});

test("what is installed, built or broken on purpose is not read", () => {
  const text = "// TODO";
  expect(
    findingsIn({
      "node_modules/a/i.ts": text,
      "dist/i.ts": text,
      "src/fixtures/i.ts": text,
      "src/a.generated.ts": text,
    }),
  ).toEqual([]);
});
