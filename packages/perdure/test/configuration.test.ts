import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Project } from "./project.ts";

const list = async (files: Readonly<Record<string, string>>, ...args: readonly string[]) => {
  const project = new Project(files);
  return { project, ...(await project.perdure("runs", "list", ...args)) };
};

describe("perdure.config.ts", () => {
  test("is found upwards from the working directory and names the world", async () => {
    const { code, out, err } = await list({
      "settings.ts": 'export enum Store { Path = "other/place.db" }',
      "perdure.config.ts": `import { defineConfig, localWorld } from "perdure/config";
import { Store } from "./settings";
export default defineConfig({ world: localWorld({ path: Store.Path }) });`,
    });
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(out).toMatch(/^No runs match in .*other\/place\.db\.\n$/);
  });

  test("is optional: the default store is beside the nearest package.json", async () => {
    const project = new Project({ "src/deep/x.txt": "" });
    const { code, out } = await project.plain([
      "--input-type=module",
      "-e",
      `process.chdir("src/deep"); process.argv = ["", "", "runs", "list"]; await import(${JSON.stringify(
        new URL("../bin/perdure.js", import.meta.url).href,
      )});`,
    ]);
    expect(code).toBe(0);
    expect(out).toBe(`No runs match in ${project.folder}/.perdure/perdure.db.\n`);
  });

  test("carries what the command line does with a store, which is not opened for it", async () => {
    const project = new Project({
      "perdure.config.ts": `const world = (): never => { throw new Error("opened"); };
const purge = async ({ olderThanMs }: { olderThanMs: number }) => ({ runs: olderThanMs / 1000, events: 0, bundles: 0 });
export default { world: Object.assign(world, { operations: { backend: "postgres", purge } }) };`,
    });
    const { code, out, err } = await project.perdure("postgres", "purge", "--older-than", "1h");
    expect({ code, out, err }).toEqual({ code: 0, out: "Deleted 3600 runs with 0 events, and 0 bundles.\n", err: "" });
  });

  test.each([
    [["--world", "local"], {}],
    [[], { PERDURE_WORLD: "local" }],
  ])("gives way to a world that is named: %j %j", async (args, env) => {
    const project = new Project({
      "perdure.config.ts": 'export default { world: () => { throw new Error("opened"); } };',
    });
    const bin = join(import.meta.dirname, "../bin/perdure.js");
    const ending = await project.plain([bin, "runs", "list", ...args], env);
    expect(ending).toMatchObject({
      code: 0,
      err: "",
      out: `No runs match in ${project.folder}/.perdure/perdure.db.\n`,
    });
  });

  test("of the default world offers no such commands", async () => {
    const { code, err } = await new Project({}).perdure("postgres", "status");
    expect([code, err]).toEqual([1, expect.stringContaining("offers no commands of its own")]);
  });

  test("names the namespace of the default world", async () => {
    const { code, out } = await list({ "perdure.config.mjs": 'export default { namespace: "blue" };' }, "--json");
    expect([code, out]).toEqual([0, ""]);
  });
});

describe("a configuration that is wrong is refused with its place and what to do", () => {
  const wrong: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
    "TypeScript that does not parse": [
      { "perdure.config.ts": "export default {\n  namespace: ,\n};\n" },
      `error: The configuration does not compile.
perdure.config.ts:2:14 Syntax error: Unexpected token
  1 | export default {
> 2 |   namespace: ,
    |              ^
  3 | };
  where: perdure.config.ts:2:14
`,
    ],
    "JavaScript that does not parse": [
      { "perdure.config.mjs": "export default {\n  namespace: ,\n};\n" },
      `error: The configuration does not compile.
perdure.config.mjs:2:14 Syntax error: Unexpected token
  1 | export default {
> 2 |   namespace: ,
    |              ^
  3 | };
  where: perdure.config.mjs:2:14
`,
    ],
    "no default export": [
      { "perdure.config.ts": "export const config = {};" },
      `error: The configuration has no default export.
  where: perdure.config.ts
  hint:  Write \`export default defineConfig({ … })\`, with defineConfig from "perdure/config".
`,
    ],
    "an unknown key": [
      { "perdure.config.js": "export default { wrold: () => {} };" },
      `error: The configuration has an unknown key "wrold".
  where: perdure.config.js
  hint:  Did you mean "world"? Known: world, namespace, worker.
`,
    ],
    "an unknown setting of the worker": [
      { "perdure.config.js": "export default { worker: { concurrency: 4 } };" },
      `error: The configuration has an unknown key "worker.concurrency".
  where: perdure.config.js
  hint:  Known: worker.mode, worker.role, worker.stepsPerWorker, worker.stepsPerRun, worker.queues, worker.claimedRunsMax, worker.residentRunsMax, worker.turnLimitMs, worker.holdMs, worker.sweepMs, worker.leaseMs, worker.stuckAfterMs.
`,
    ],
    "a world that is no function": [
      { "perdure.config.js": 'export default { world: "postgres://secret@host" };' },
      `error: "world" must be a function that opens a world, such as localWorld({ path: … }), and is a string.
  where: perdure.config.js
`,
    ],
    "a default export that is no object": [
      { "perdure.config.js": "export default [];" },
      `error: The configuration must be an object: defineConfig({ … }), and is an array.
  where: perdure.config.js
`,
    ],
    "a module that throws": [
      { "perdure.config.ts": 'throw new RangeError("no such region");' },
      `error: The configuration threw while it was loaded: RangeError: no such region
  where: perdure.config.ts
  hint:  Look into perdure.config.ts and what it imports; the cause is kept.
`,
    ],
    "a world that throws": [
      { "perdure.config.ts": 'export default { world: () => { throw new TypeError("no route to host"); } };' },
      `error: The configuration's "world" threw while it was opened: TypeError: no route to host
  hint:  The cause is kept; check the address and the credentials that the world is given.
`,
    ],
    "a world that is none": [
      { "perdure.config.ts": "export default { world: async () => ({}) };" },
      `error: The configuration's "world" did not return a world.
  hint:  Return what createLocalWorld() resolves to, or write \`world: localWorld({ … })\`.
`,
    ],
    "another namespace than the world's": [
      {
        "perdure.config.ts":
          'import { localWorld } from "perdure/config";\nexport default { namespace: "a", world: localWorld({ namespace: "b" }) };',
      },
      `error: The configuration names the namespace "a", and its world has "b".
  hint:  Give the namespace to the world, and leave it out beside it.
`,
    ],
    "two files": [
      { "perdure.config.ts": "export default {};", "perdure.config.js": "export default {};" },
      `error: There are two configurations in one folder: perdure.config.ts and perdure.config.js.
  where: perdure.config.js
  hint:  Keep one of them.
`,
    ],
  };

  test.each(Object.keys(wrong))("%s", async (name) => {
    const [files, text] = wrong[name] ?? [{}, ""];
    const { code, out, err } = await list(files);
    expect({ code, out, err }).toEqual({ code: 1, out: "", err: text });
  });
});
