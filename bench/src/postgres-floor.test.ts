import { startServer } from "@perdure/world-postgres/testing";
import { Client } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PostgresFloor } from "./postgres-floor.ts";

const server = startServer("");
// Told by the first test that needs it.
server.catch(() => {});
const client = server.then((started) => new Client(started.url("postgres")));
client.catch(() => {});

beforeAll(async () => {
  await (await client).connect();
});

afterAll(async () => {
  await (await client).end();
  await (await server).stop([], []);
});

async function openFloor(): Promise<PostgresFloor> {
  await (await client).query("DROP SCHEMA IF EXISTS floor CASCADE");
  const floor = await PostgresFloor.open((await server).url("postgres"));
  onTestFinished(() => floor.close());
  return floor;
}

/** Of each commit that has left rows: how many, and their sizes. */
async function commits(): Promise<readonly unknown[]> {
  const { rows } = await (await client).query(
    `SELECT count(*)::int AS rows, min(length(bytes)) AS smallest, max(length(bytes)) AS largest
FROM floor.rows GROUP BY xmin ORDER BY min(id)`,
  );
  return rows;
}

test("each row of the size asked for is a commit of its own", async () => {
  const floor = await openFloor();
  expect(await floor.commits(3, 500.4)).toBeGreaterThan(0);
  expect(await commits()).toEqual(Array.from({ length: 3 }, () => ({ rows: 1, smallest: 500, largest: 500 })));
});

test("grouped commits write every row, also when the last group is not full", async () => {
  const floor = await openFloor();
  expect(await floor.groupedCommits(300, 10)).toBeGreaterThan(0);
  expect(await commits()).toEqual([128, 128, 44].map((rows) => ({ rows, smallest: 10, largest: 10 })));
});

test("reading starts from exactly the rows asked for", async () => {
  const floor = await openFloor();
  await floor.commits(5, 10);
  expect(await floor.read(40, 20)).toBeGreaterThan(0);
  expect(await commits()).toEqual([{ rows: 40, smallest: 20, largest: 20 }]);
});

test("commits that are asked for at once take turns on the connection", async () => {
  const floor = await openFloor();
  const warnings: unknown[] = [];
  const warned = (warning: unknown): number => warnings.push(warning);
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  await Promise.all([floor.commits(2, 10), floor.commits(2, 10), floor.groupedCommits(2, 10)]);
  expect((await commits()).length).toBe(5);
  expect(warnings).toEqual([]);
});
