/** The SQL that the documentation gives does what it says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { postgresWorld } from "@perdure/world-postgres";
import { expect, it } from "vitest";
import { cancellation, creation, id, payloadFor } from "./request-values.ts";
import { withClient } from "./server.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();

/** The SQL of a page of `docs`. */
function sqlOf(page: string): string {
  const text = readFileSync(join(import.meta.dirname, "../../../docs", page), "utf8");
  const [, sql] = /^```sql\n([\s\S]*?)^```$/m.exec(text) ?? [];
  return sql ?? expect.fail(`there is no SQL in ${page}`);
}

const databaseOf = (url: string): string => new URL(url).pathname.slice(1);

it("three users: one owns, one works, one reads", async () => {
  const url = await worlds.databases.create();
  const [owner, working, reading] = [
    await worlds.databases.createUser(),
    await worlds.databases.createUser(),
    await worlds.databases.createUser(),
  ];
  const sql = sqlOf("guides/postgres.md")
    .replaceAll(/^CREATE ROLE .*$/gm, "")
    .replaceAll("perdure_owner", owner.user)
    .replaceAll("perdure_worker", working.user)
    .replaceAll("perdure_reader", reading.user);
  await withClient(url, (client) => client.query(sql));
  const as = (user: typeof owner) => worlds.databases.url(databaseOf(url), user);

  await postgresWorld({ url: await as(owner) }).operations.migrate({ dryRun: false });
  const { world } = await worlds.open({ url: await as(working), migrate: false, retention: { cancelled: "1d" } });
  expect((await world.runs.create(creation(1))).kind).toBe("created");
  expect((await world.log.append(id("wrun", 1), cancellation())).kind).toBe("appended");
  await world.bundles.put("b", new Uint8Array([1]));

  const { operations } = postgresWorld({ url: await as(working) });
  expect((await operations.doctor()).filter(({ level }) => level === "problem")).toEqual([]);
  const reader = postgresWorld({ url: await as(reading) }).operations;
  expect((await reader.status()).runs.cancelled).toBe(1);
  expect(await reader.purge({ olderThanMs: 60_000, status: null, dryRun: true })).toMatchObject({ runs: 0 });
  expect((await failure(reader.purge({ olderThanMs: 60_000, status: null, dryRun: false }))).code).toBe(
    "STORE_READ_ONLY",
  );
});

it("the events in partitions", async () => {
  const url = await worlds.databases.create();
  const { world: before } = await worlds.open({ url });
  await before.runs.create(creation(1));
  await before.close();
  await withClient(url, (client) => client.query(sqlOf("scaling.md")));
  const { world } = await worlds.open({ url });
  expect(await world.log.read(id("wrun", 1), { after: 0, limit: 10 })).toHaveLength(1);
  expect((await world.runs.create(creation(2))).kind).toBe("created");
  for (const n of [1, 2]) {
    expect((await world.log.append(id("wrun", n), cancellation())).kind).toBe("appended");
    expect(await world.log.append(id("wrun", n), cancellation())).toMatchObject({ kind: "appended", tail: 2 });
    expect((await world.log.append(id("wrun", n), payloadFor(n, "late"))).kind).toBe("refused");
  }
  expect((await postgresWorld({ url }).operations.doctor()).filter(({ level }) => level === "problem")).toEqual([]);
});
