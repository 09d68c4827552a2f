/**
 * A program whose data lie in another database than its runs: real processes, killed between the commit there and the
 * recording of the result here.
 */
import { cpSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { TestDatabases, withClient } from "@perdure/world-postgres/testing/databases";
import { createOnceTable } from "perdure/once";
import { expect, type TestContext, test } from "vitest";
import { type Ending, type Program, Project } from "../wrong-input/project.ts";

const worldPackage = resolve(import.meta.dirname, "../../../packages/world-postgres");
const databases = new TestDatabases();

/** A bound of liveness: nothing here is timed. The tests run at once, for each waits until a lost worker is missed. */
const timeoutMs = 60_000;

const programOf = (dispatch: string) => ({
  "db.ts": `import { Pool } from "pg";
export const pool = new Pool({ connectionString: process.env.APP_DATABASE_URL, allowExitOnIdle: true });
`,
  "workflows.ts": `import { once } from "perdure/once";
import { pool } from "./db";

/** Where the process is to end, or to be suspended: in the body, or right after its commit. */
const dieAt = process.env.DIE_AT;

export async function charge(amount: number): Promise<Date> {
  "use step";
  const charged = await once(pool, async (tx) => {
    const { rows } = await tx.query<{ at: Date }>("INSERT INTO charges (amount) VALUES ($1) RETURNING at", [amount]);
    if (amount > 5 && dieAt === "body") process.kill(process.pid, "SIGKILL");
    if (amount > 5 && dieAt === "suspended") process.kill(process.pid, "SIGSTOP");
    return rows[0]!.at;
  });
  if (amount > 5 && dieAt === "commit") process.kill(process.pid, "SIGKILL");
  return charged;
}
charge.dispatch = "${dispatch}";

export async function order(amount: number): Promise<number[]> {
  "use workflow";
  const first = await charge(amount);
  const second = await charge(amount * 2);
  return [first.getTime(), second.getTime()];
}
`,
  "app.ts": `import { getRun, start } from "perdure/api";
import { order } from "./workflows";

const run = process.argv[2] === undefined ? await start(order, [5]) : getRun(process.argv[2]);
console.log("run", run.runId);
console.log(JSON.stringify(await run.returnValue));
`,
});

const engines = {
  sqlite: "export default {};",
  postgres: `import { postgresWorld } from "@perdure/world-postgres";
export default { world: postgresWorld({ url: process.env.DATABASE_URL! }) };
`,
};

async function openProject({ onTestFinished }: TestContext, engine: keyof typeof engines, dispatch = "inline") {
  const [appUrl, url] = [await databases.create(), await databases.create()];
  await withClient(appUrl, async (client) => {
    await client.query("CREATE TABLE charges (amount integer, at timestamptz DEFAULT clock_timestamp())");
    await createOnceTable(client);
  });
  const project = new Project({ ...programOf(dispatch), "perdure.config.ts": engines[engine] }, onTestFinished);
  const modules = join(project.folder, "node_modules");
  symlinkSync(join(worldPackage, "node_modules", "pg"), join(modules, "pg"), "dir");
  // A scope is a folder of its own.
  project.write({ "node_modules/@perdure/.keep": "" });
  symlinkSync(worldPackage, join(modules, "@perdure", "world-postgres"), "dir");
  const begin = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Program =>
    project.start(["app.ts", ...args], { env: { DATABASE_URL: url, APP_DATABASE_URL: appUrl, ...env } });
  const run: (...parameters: Parameters<typeof begin>) => Promise<Ending> = (...parameters) =>
    begin(...parameters).ended;
  const runId = async (): Promise<string> => {
    if (engine === "sqlite") return String(project.sql("SELECT run_id FROM runs")[0]?.["run_id"]);
    return withClient(url, async (client) => {
      const { rows } = await client.query<{ readonly run_id: string }>("SELECT run_id FROM perdure.runs");
      return rows[0]?.run_id ?? "";
    });
  };
  return { project, appUrl, begin, run, runId };
}

/** What was charged, and when, as the program's database has it. */
const charges = (url: string) =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ readonly amount: number; readonly at: Date }>(
      "SELECT amount, at FROM charges ORDER BY at",
    );
    return { amounts: rows.map(({ amount }) => amount), moments: rows.map(({ at }) => at.getTime()) };
  });

/** Until a session of the database is in this state. */
const sessionOf = (url: string, condition: string) =>
  withClient(url, async (client) => {
    const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`;
    while ((await client.query(text)).rows.length === 0);
  });

/** The last line that a process printed: the result of its run. */
const resultOf = ({ code, out, err }: Ending): unknown => {
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
};

const cases = [
  { engine: "sqlite", dispatch: "inline" },
  { engine: "postgres", dispatch: "background" },
] as const;

test.concurrent.for(cases)(
  "killed after the commit, step $dispatch, runs in $engine: the effect is there once, and the result is the stored one",
  { timeout: timeoutMs },
  async ({ engine, dispatch }, context) => {
    const { appUrl, run, runId } = await openProject(context, engine, dispatch);
    expect(await run({ DIE_AT: "commit" })).toMatchObject({ signal: "SIGKILL" });
    const before = await charges(appUrl);
    expect(before.amounts).toEqual([5, 10]);
    const ending = await run({}, await runId());
    expect(await charges(appUrl)).toEqual(before);
    // A body that was run again would have had another moment.
    expect(resultOf(ending)).toEqual(before.moments);
  },
);

test.concurrent(
  "suspended in the body until another process has taken over: that one waits, and has the result of the first",
  async (context) => {
    const { appUrl, begin, runId } = await openProject(context, "postgres");
    const first = begin({ DIE_AT: "suspended" });
    await sessionOf(appUrl, "state = 'idle in transaction'");
    const second = begin({}, await runId());
    await sessionOf(appUrl, "wait_event_type = 'Lock'");
    expect((await charges(appUrl)).amounts).toEqual([5]);
    first.child.kill("SIGCONT");
    const results = [resultOf(await first.ended), resultOf(await second.ended)];
    const { amounts, moments } = await charges(appUrl);
    expect(amounts).toEqual([5, 10]);
    expect(results).toEqual([moments, moments]);
  },
  timeoutMs,
);

test.concurrent(
  "a store of runs that was put back to an earlier state repeats its steps, and none of their effects",
  async (context) => {
    const { project, appUrl, run, runId } = await openProject(context, "sqlite");
    expect(await run({ DIE_AT: "body" })).toMatchObject({ signal: "SIGKILL" });
    const [store, backup] = [join(project.folder, ".perdure"), join(project.folder, "backup")];
    cpSync(store, backup, { recursive: true });
    const first = resultOf(await run({}, await runId()));
    rmSync(store, { recursive: true });
    cpSync(backup, store, { recursive: true });
    expect(resultOf(await run({}, await runId()))).toEqual(first);
    expect(await charges(appUrl)).toEqual({ amounts: [5, 10], moments: first });
  },
  timeoutMs,
);
