/** The collection of bundles beside starts that are under way, and bundles that are signed. */
import { BundleUntrustedError, ConfigError } from "@perdure/errors";
import { createPostgresWorld } from "@perdure/world-postgres";
import { describe, expect, it } from "vitest";
import { BundleCollection } from "../src/bundle-collection.ts";
import { cancellation, creation, id } from "./request-values.ts";
import { withClient } from "./server.ts";
import { failure, type OpenedWorld, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const code = new Uint8Array([80, 68, 66, 49]);
const other = new Uint8Array([1]);

const collection = ({ store }: OpenedWorld, looksMax?: number) =>
  new BundleCollection(store.database, store.settings.schema, "default", looksMax);

/** All bundles were stored two days ago. */
async function ageBundles(url: string): Promise<void> {
  await withClient(url, (client) => client.query("UPDATE perdure.bundles SET created_at = created_at - 172800000"));
}

const creationOf = (n: number, bundleId: string) => creation(n, { bundleId });

describe("the collection of bundles", () => {
  it("deletes those that no live run needs, and none that was stored just now", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    const { world } = opened;
    for (const bundle of ["live", "over", "unused"]) await world.bundles.put(bundle, code);
    await world.runs.create(creationOf(1, "live"));
    await world.runs.create(creationOf(2, "over"));
    await world.log.append(id("wrun", 2), cancellation());
    expect(await collection(opened).run("foreground")).toBe(0);
    await ageBundles(url);
    await world.bundles.put("new", code);
    expect(await collection(opened).count()).toBe(2);
    expect(await collection(opened).run("foreground")).toBe(2);
    const left = await Promise.all(["live", "over", "unused", "new"].map((bundle) => world.bundles.get(bundle)));
    expect(left).toEqual([code, null, null, code]);
  });

  it("is no hindrance to the next start: the process that stored the bundle stores it again", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    await opened.world.bundles.put("kept in memory", code);
    await ageBundles(url);
    expect(await collection(opened).run("foreground")).toBe(1);
    expect((await opened.world.runs.create(creationOf(1, "kept in memory"))).kind).toBe("created");
    expect(await opened.world.bundles.get("kept in memory")).toEqual(code);
    // A process that never stored it is told, and nothing is created.
    await opened.world.log.append(id("wrun", 1), cancellation());
    await ageBundles(url);
    expect(await collection(opened).run("foreground")).toBe(1);
    const { world: stranger } = await worlds.open({ url });
    const error = await failure(stranger.runs.create(creationOf(2, "kept in memory")));
    expect([error.code, error.outcome]).toEqual(["STORE_UNSUPPORTED", "none"]);
    expect(await stranger.runs.get(id("wrun", 2))).toBeNull();
  });

  it("is no hindrance to starts that go in one statement with one for a bundle that is gone", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    for (const bundle of ["gone", "live"]) await opened.world.bundles.put(bundle, code);
    await opened.world.runs.create(creationOf(1, "live"));
    await ageBundles(url);
    expect(await collection(opened).run("foreground")).toBe(1);
    const bundles = ["live", "gone", "live", "gone", "never stored"];
    const created = await Promise.all(
      bundles.map((bundle, index) => opened.world.runs.create(creationOf(index + 2, bundle))),
    );
    expect(created.map(({ kind }) => kind)).toEqual(bundles.map(() => "created"));
    expect(await opened.world.bundles.get("gone")).toEqual(code);
  });

  it("waits for a start that is under way and has not seen the mark", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    await opened.world.bundles.put("wanted", code);
    await ageBundles(url);
    await withClient(url, async (client) => {
      await client.query("BEGIN");
      await client.query(insertRun, ["slow", "wanted"]);
      const collecting = collection(opened).run("foreground");
      await doomed(url, "wanted");
      await client.query("COMMIT");
      expect(await collecting).toBe(0);
    });
    expect(await opened.world.bundles.get("wanted")).toEqual(code);
  });

  it("waits for a start that got its number after the mark, and committed after it", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    await opened.world.bundles.put("wanted", code);
    await ageBundles(url);
    await withClient(url, (locking) =>
      withClient(url, async (starting) => {
        await locking.query("BEGIN; SELECT 1 FROM perdure.bundles FOR UPDATE");
        const collecting = collection(opened, 2).run("foreground");
        await waitsForLock(url);
        await starting.query("BEGIN");
        await starting.query(insertRun, ["slow", "wanted"]);
        await locking.query("ROLLBACK");
        expect(await collecting).toBe(0);
        await starting.query("COMMIT");
      }),
    );
    expect(await opened.world.bundles.get("wanted")).toEqual(code);
  });

  it("deletes nothing while a transaction outlasts it, and goes on later", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    await opened.world.bundles.put("unused", code);
    await ageBundles(url);
    await withClient(url, async (client) => {
      await client.query("BEGIN");
      await client.query(insertRun, ["slow", "another"]);
      expect(await collection(opened, 2).run("foreground")).toBe(0);
      expect(await opened.world.bundles.get("unused")).toEqual(code);
      await client.query("ROLLBACK");
    });
    expect(await collection(opened).run("foreground")).toBe(1);
  });

  it.each(["REPEATABLE READ", "SERIALIZABLE"])(
    "is noticed by a start under %s that began before",
    async (isolation) => {
      const url = await worlds.databases.create();
      const opened = await worlds.open({ url });
      await opened.world.bundles.put("unused", code);
      await ageBundles(url);
      await withClient(url, async (client) => {
        await client.query(`BEGIN ISOLATION LEVEL ${isolation}; SELECT 1`);
        expect(await collection(opened).run("foreground")).toBe(1);
        await expect(client.query(insertRun, ["late", "unused"])).rejects.toMatchObject({ code: "40001" });
      });
    },
  );

  it("and starts at the same moment never leave a live run without its bundle", async () => {
    const url = await worlds.databases.create();
    const opened = await worlds.open({ url });
    const { world: starting } = await worlds.open({ url });
    await starting.bundles.put("contended", code);
    for (let n = 1; n <= 10; n += 1) {
      await ageBundles(url);
      const [created] = await Promise.all([
        starting.runs.create(creationOf(n, "contended")),
        collection(opened).run("foreground"),
      ]);
      expect(created.kind).toBe("created");
      expect(await opened.world.bundles.get("contended")).toEqual(code);
      await starting.log.append(id("wrun", n), cancellation());
    }
  });
});

/** As `write_runs` does it, in a transaction of somebody else. */
const insertRun = `INSERT INTO perdure.runs (namespace, run_id, version, workflow_id, workflow_name, bundle_id, isolation,
  root_run_id, created_at, status, tail, last_at, epoch, expiries, claim_tail)
VALUES ('default', $1, 1, 'w', 'w', $2, 'shared', $1, 1, 'pending', 1, 1, 0, 0, 1)`;

/** Resolves when the mark waits for a row that is locked. */
async function waitsForLock(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const sql = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'UPDATE%doomed%' AND wait_event_type = 'Lock'";
    while ((await client.query(sql)).rows.length === 0);
  });
}

async function doomed(url: string, bundle: string): Promise<void> {
  await withClient(url, async (client) => {
    const sql = "SELECT 1 FROM perdure.bundles WHERE id = $1 AND doomed";
    while ((await client.query(sql, [bundle])).rows.length === 0);
  });
}

describe("with a secret", () => {
  const secret = "a secret of some length";
  const newer = "another secret of some length";

  const untrusted = async (call: Promise<unknown>): Promise<string> => {
    const error: unknown = await call.catch((reason: unknown) => reason);
    if (!BundleUntrustedError.is(error)) throw error;
    return error.message;
  };

  it("a bundle is had by whoever knows it, and by those who ask for none", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, secret });
    await world.bundles.put("b", code);
    for (const options of [{ secret }, { secret: [newer, secret] }, {}]) {
      const { world: reader } = await worlds.open({ url, ...options });
      expect(await reader.bundles.get("b")).toEqual(code);
      expect(await reader.bundles.get("missing")).toBeNull();
    }
  });

  it("an unsigned bundle is refused, and so is one with another secret's signature", async () => {
    const url = await worlds.databases.create();
    const { world: careless } = await worlds.open({ url });
    await careless.bundles.put("b", code);
    const { world } = await worlds.open({ url, secret });
    expect(await untrusted(world.bundles.get("b"))).toContain("unsigned");
    const { world: foreign } = await worlds.open({ url, secret: newer });
    await foreign.bundles.put("b", code);
    expect(await untrusted(world.bundles.get("b"))).toContain("wrongly signed");
    // Its own signature takes the other one's place.
    await world.bundles.put("b", code);
    expect(await world.bundles.get("b")).toEqual(code);
    await careless.bundles.put("b", code);
    expect(await world.bundles.get("b")).toEqual(code);
  });

  it.each([
    [
      "bytes under the signature of other ones",
      "UPDATE perdure.bundles SET bytes = $1 WHERE id = 'b'",
      [Buffer.from(other)],
    ],
    [
      "bytes that were signed for another bundle",
      "UPDATE perdure.bundles b SET signature = c.signature, bytes = c.bytes FROM perdure.bundles c WHERE b.id = 'b' AND c.id = 'c'",
      [],
    ],
    [
      "bytes with a part of a signature",
      "UPDATE perdure.bundles SET signature = substring(signature FOR 31) WHERE id = 'b'",
      [],
    ],
  ])("%s are refused", async (_, sql, values) => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, secret });
    await world.bundles.put("b", code);
    await world.bundles.put("c", other);
    await withClient(url, (client) => client.query(sql, [...values]));
    expect(await untrusted(world.bundles.get("b"))).toContain("wrongly signed");
  });

  it.each([["short"], [[]], [["long enough to be one", "short"]]])("%j is refused as one", async (wrong) => {
    const error: unknown = await createPostgresWorld({ url: "postgresql://localhost/db", secret: wrong }).catch(
      (reason: unknown) => reason,
    );
    if (!ConfigError.is(error)) throw error;
    expect(error.message).not.toContain("short.");
  });
});
