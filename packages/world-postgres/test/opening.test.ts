/** Worlds that cannot be opened say why, and worlds that open make the schema once. */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { ConfigError } from "@perdure/errors";
import { createPostgresWorld } from "@perdure/world-postgres";
import { describe, expect, it } from "vitest";
import { freePort } from "../src/server/project-server.ts";
import { creation, id } from "./request-values.ts";
import { TestDatabases, withClient } from "./server.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const carelessServer = new TestDatabases("-c fsync=off");

describe("a world that cannot be opened", () => {
  it.each(["postgresql://u:secret@[bad", "postgresql://u:secret@host:port/db"])(
    "says that a URL cannot be read, and keeps it to itself: %#",
    async (url) => {
      const error: unknown = await createPostgresWorld({ url }).catch((reason: unknown) => reason);
      if (!ConfigError.is(error)) throw error;
      expect(JSON.stringify([error.message, String(error.cause), error.stack])).not.toContain("secret");
    },
  );

  it("says that a schema's name is no identifier", async () => {
    const error: unknown = await createPostgresWorld({ url: "postgresql://localhost/db", schema: 'a"; DROP' }).catch(
      (reason: unknown) => reason,
    );
    expect(ConfigError.is(error)).toBe(true);
  });

  it("says that nobody listens, and where", async () => {
    const port = await freePort();
    const error = await failure(createPostgresWorld({ url: `postgresql://u:secret@127.0.0.1:${port}/db` }));
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(error.message).toContain(`127.0.0.1:${port}/db`);
    expect(error.message).not.toContain("secret");
  });

  it("does not wait for ever for a server that says nothing", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as AddressInfo;
    const error = await failure(createPostgresWorld({ url: `postgresql://127.0.0.1:${port}/db`, timeoutMs: 50 }));
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    for (const socket of sockets) socket.destroy();
    mute.close();
  });

  it("says that the password is wrong, and does not show it", async () => {
    const error = await failure(
      createPostgresWorld({ url: await worlds.databases.url("postgres", { password: "hunter2" }) }),
    );
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(error.cause).toMatchObject({ code: "28P01" });
    expect(error.hint).toContain("password");
    expect(String(error.stack)).not.toContain("hunter2");
  });

  it("says that there is no such database", async () => {
    const error = await failure(createPostgresWorld({ url: await worlds.databases.url("missing") }));
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(error.cause).toMatchObject({ code: "3D000" });
    expect(error.hint).toContain("Create the database");
  });

  it("says that the user may not create the schema", async () => {
    const url = await worlds.databases.create();
    const as = await worlds.databases.createUser();
    const error = await failure(createPostgresWorld({ url: await worlds.databases.url(databaseOf(url), as) }));
    expect([error.code, error.outcome]).toEqual(["STORE_READ_ONLY", "none"]);
  });

  it("says that the database is read-only", async () => {
    const url = await worlds.databases.create();
    const database = databaseOf(url);
    await withClient(url, (client) =>
      client.query(`ALTER DATABASE "${database}" SET default_transaction_read_only = on`),
    );
    expect((await failure(createPostgresWorld({ url }))).code).toBe("STORE_READ_ONLY");
  });
});

const databaseOf = (url: string): string => new URL(url).pathname.slice(1);

describe("a server that may forget what it acknowledged", () => {
  it("is refused when it runs with fsync=off, unless that is accepted", async () => {
    const url = await carelessServer.create();
    const error = await failure(createPostgresWorld({ url }));
    expect([error.code, error.message]).toEqual(["STORE_UNSUPPORTED", expect.stringContaining("fsync=off")]);
    expect(error.hint).toContain("allowUnsafeDurability");
    await (await createPostgresWorld({ url, allowUnsafeDurability: true })).close();
  });

  it("is refused when the database has synchronous_commit=off", async () => {
    const url = await worlds.databases.create();
    await withClient(url, (client) => client.query(`ALTER DATABASE "${databaseOf(url)}" SET synchronous_commit = off`));
    const error = await failure(createPostgresWorld({ url }));
    expect([error.code, error.message]).toEqual([
      "STORE_UNSUPPORTED",
      expect.stringContaining("synchronous_commit=off"),
    ]);
    await (await createPostgresWorld({ url, allowUnsafeDurability: true })).close();
  });
});

describe("the schema", () => {
  it("is made once when several processes start at once on an empty database", async () => {
    const url = await worlds.databases.create();
    const opened = await Promise.all(Array.from({ length: 6 }, () => worlds.open({ url })));
    const incarnations = await Promise.all(opened.map(async ({ world }) => (await world.describe()).incarnation));
    expect(new Set(incarnations).size).toBe(1);
    const versions = await withClient(url, (client) => client.query("SELECT version FROM perdure.migrations"));
    expect(versions.rows).toEqual([{ version: 1 }]);
  });

  it("can have any plain name, and stores of different schemas see nothing of each other", async () => {
    const url = await worlds.databases.create();
    const { world: first } = await worlds.open({ url });
    const { world: other } = await worlds.open({ url, schema: "select" });
    await first.runs.create(creation(1));
    expect(await other.runs.get(id("wrun", 1))).toBeNull();
    expect((await other.describe()).incarnation).not.toBe((await first.describe()).incarnation);
  });

  it("is opened by a user that may use it and create nothing", async () => {
    const url = await worlds.databases.create();
    await (await createPostgresWorld({ url })).close();
    const as = await worlds.databases.createUser();
    await withClient(url, (client) =>
      client.query(`GRANT USAGE ON SCHEMA perdure TO ${as.user};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA perdure TO ${as.user};`),
    );
    const { world } = await worlds.open({ url: await worlds.databases.url(databaseOf(url), as) });
    expect((await world.runs.create(creation(1))).kind).toBe("created");
  });

  it("keeps namespaces apart: ids, keys, tokens and bundles", async () => {
    const url = await worlds.databases.create();
    const { world: first } = await worlds.open({ url, namespace: "one" });
    const { world: other } = await worlds.open({ url, namespace: "two" });
    await first.bundles.put("bundle", new Uint8Array([1]));
    for (const world of [first, other]) {
      expect((await world.runs.create(creation(1, { key: "order" }))).kind).toBe("created");
    }
    expect(await other.bundles.get("bundle")).toBeNull();
    expect((await other.runs.list({ limit: 10 })).items).toHaveLength(1);
  });
});

describe("an open world", () => {
  it("takes its time from the server, in whole milliseconds", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const before = await withClient(url, (client) =>
      client.query(`SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now`),
    );
    const { storeNow } = await world.describe();
    const created = await world.runs.create(creation(1));
    const after = await withClient(url, (client) =>
      client.query(`SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now`),
    );
    const [earliest, latest] = [Math.floor(Number(before.rows[0]?.now)), Number(after.rows[0]?.now)];
    const run = created.kind === "created" ? created.run : expect.fail("the run was created");
    for (const moment of [storeNow, run.createdAt]) {
      expect(Number.isInteger(moment)).toBe(true);
      expect(moment).toBeLessThanOrEqual(latest);
    }
    expect(storeNow).toBeGreaterThanOrEqual(earliest);
    expect((await world.describe()).location).not.toContain("pass");
  });
});
