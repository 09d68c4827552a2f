/** A program whose data lie in the database of its runs: real processes, killed in the middle, on a real server. */
import { symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { TestDatabases, withClient } from "@perdure/world-postgres/testing/databases";
import { expect, test } from "vitest";
import { type Ending, Project } from "../wrong-input/project.ts";

const worldPackage = resolve(import.meta.dirname, "../../../packages/world-postgres");
const databases = new TestDatabases();

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 60_000;

const program = {
  "perdure.config.ts": `import { defineConfig } from "perdure/config";
import { postgresWorld } from "@perdure/world-postgres";
export default defineConfig({ world: postgresWorld({ url: process.env.DATABASE_URL! }) });
`,
  "workflows.ts": `import { getStepTransaction } from "perdure";
import { start } from "perdure/api";

/** Where the process is to end: in the body, or right after the workflow has its result. */
const dieAt = process.env.DIE_AT;

export async function charge(amount: number): Promise<number> {
  "use step";
  const tx = getStepTransaction();
  const { rows } = await tx.query<{ id: number }>("INSERT INTO charges (amount) VALUES ($1) RETURNING id", [amount]);
  if (amount > 5 && dieAt === "body") process.kill(process.pid, "SIGKILL");
  await start(notify, [rows[0]!.id], { key: \`notify-\${amount}\`, tx });
  return rows[0]!.id;
}
charge.transaction = true;

export async function dieHere(): Promise<void> {
  "use step";
  if (dieAt === "after") process.kill(process.pid, "SIGKILL");
}

export async function order(amount: number): Promise<number[]> {
  "use workflow";
  const first = await charge(amount);
  const second = await charge(amount * 2);
  await dieHere();
  return [first, second];
}

export async function notify(id: number): Promise<string> {
  "use workflow";
  return "charge " + id;
}
`,
  "app.ts": `import { Client } from "pg";
import { getRun, start } from "perdure/api";
import { order } from "./workflows";

const known = process.argv[2];
const runId = known ?? (await place());
const run = getRun(runId);
console.log(JSON.stringify(await run.returnValue));

async function place(): Promise<string> {
  const client = new Client(process.env.DATABASE_URL);
  await client.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO orders VALUES (1)");
  const run = await start(order, [5], { key: "order-1", tx: client });
  console.log("exists:", await run.exists);
  await client.query("COMMIT");
  await client.end();
  console.log("placed", run.runId, "end");
  return run.runId;
}
`,
};

async function openProject() {
  const url = await databases.create();
  const tables = "CREATE TABLE orders (id integer PRIMARY KEY); CREATE TABLE charges (id serial, amount integer)";
  await withClient(url, (client) => client.query(tables));
  const project = new Project(program);
  const modules = join(project.folder, "node_modules");
  symlinkSync(join(worldPackage, "node_modules", "pg"), join(modules, "pg"), "dir");
  // A scope is a folder of its own.
  project.write({ "node_modules/@perdure/.keep": "" });
  symlinkSync(worldPackage, join(modules, "@perdure", "world-postgres"), "dir");
  const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ending> =>
    project.run(["app.ts", ...args], { env: { DATABASE_URL: url, ...env } });
  return { url, run };
}

const amounts = (url: string) =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ readonly amount: number }>("SELECT amount FROM charges ORDER BY id");
    return rows.map(({ amount }) => amount);
  });

/** The only order's id, and how many runs there are of each workflow. */
const runsOf = (url: string) =>
  withClient(url, async (client) => {
    const sql = "SELECT run_id, workflow_name AS name FROM perdure.runs ORDER BY created_at, run_id";
    const { rows } = await client.query<{ readonly run_id: string; readonly name: string }>(sql);
    const names = rows.map(({ name }) => name).toSorted();
    return { names, orderId: rows.find(({ name }) => name === "order")?.run_id ?? "" };
  });

test(
  "a run is placed with its order, and its steps commit what they write with their results",
  async () => {
    const { url, run } = await openProject();
    const ending = await run({});
    expect(ending).toMatchObject({ code: 0, err: "" });
    expect(ending.out.split("\n")).toEqual([
      "exists: false",
      expect.stringMatching(/^placed wrun_… end$/),
      "[1,2]",
      "",
    ]);
    expect(await amounts(url)).toEqual([5, 10]);
    expect((await runsOf(url)).names).toEqual(["notify", "notify", "order"]);
  },
  timeoutMs,
);

test.each(["body", "after"])(
  "a worker that is killed (%s) leaves each effect once, and the runs that its steps started",
  async (dieAt) => {
    const { url, run } = await openProject();
    expect(await run({ DIE_AT: dieAt })).toMatchObject({ signal: "SIGKILL" });
    expect(await amounts(url)).toEqual(dieAt === "body" ? [5] : [5, 10]);
    const { orderId, names } = await runsOf(url);
    expect(names).toEqual(dieAt === "body" ? ["notify", "order"] : ["notify", "notify", "order"]);
    const ending = await run({}, orderId);
    expect(ending).toMatchObject({ code: 0, err: "" });
    expect(await amounts(url)).toEqual([5, 10]);
    expect((await runsOf(url)).names).toEqual(["notify", "notify", "order"]);
  },
  timeoutMs,
);
