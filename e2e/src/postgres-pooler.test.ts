/** The program of the README, on PostgreSQL, through a pooler that gives a session to each transaction. */
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Pooler, poolerMissing, startServer } from "@perdure/world-postgres/testing";
import { expect, onTestFinished, test } from "vitest";
import { Project } from "./wrong-input/project.ts";

const root = resolve(import.meta.dirname, "../..");

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 60_000;

// Not everybody has PgBouncer, and it is in no package of npm.
const suffix = poolerMissing === null ? "" : ` (skipped: ${poolerMissing})`;

test.skipIf(poolerMissing !== null)(
  `the program of the README runs through a pooler${suffix}`,
  async () => {
    const server = await startServer("");
    onTestFinished(() => server.stop([], []));
    const direct = server.url("postgres");
    const pooler = await Pooler.before(direct);
    onTestFinished(() => pooler.stop());
    const example = (name: string): string => readFileSync(join(root, "examples/hello", name), "utf8");
    const options = JSON.stringify({ url: pooler.url(direct), pooled: true });
    const project = new Project({
      "main.ts": example("main.ts"),
      "welcome.ts": example("welcome.ts"),
      "perdure.config.ts": `import { postgresWorld } from "@perdure/world-postgres";
import { defineConfig } from "perdure/config";
export default defineConfig({ world: postgresWorld(${options}) });
`,
    });
    const link = join(project.folder, "node_modules/@perdure/world-postgres");
    mkdirSync(dirname(link));
    symlinkSync(join(root, "packages/world-postgres"), link, "dir");

    const { code, out, err } = await project.run(["main.ts"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe('"Welcome, user 42" is on its way to ada@example.org\n');
  },
  timeoutMs,
);
