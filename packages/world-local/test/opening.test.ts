import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "@perdure/errors";
import { createLocalWorld, localWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { schemaVersion } from "../src/schema.ts";
import { Bench } from "./bench.ts";
import { startChild } from "./children.ts";
import { creation, id } from "./request-values.ts";

const bench = new Bench();

/** Opens the file, which must fail. */
async function failure(file: string): Promise<StoreError> {
  const error: unknown = await createLocalWorld({ path: file, lockWaitMs: 200 }).then(
    (world) => bench.closing(world),
    (reason: unknown) => reason,
  );
  if (!StoreError.is(error)) expect.fail(`expected a StoreError, not ${String(error)}`);
  return error;
}

/** A closed store that holds some runs. */
async function filledStore(runs = 50): Promise<string> {
  const file = bench.file();
  const world = await createLocalWorld({ path: file });
  await Promise.all(Array.from({ length: runs }, (_, n) => world.runs.create(creation(n))));
  await world.close();
  return file;
}

describe("opening a store", () => {
  it("creates the file and its directories, and finds everything again", async () => {
    const file = join(bench.directory(), "a", "b", "store.db");
    const open = localWorld({ path: file });
    const world = await open();
    const { incarnation, location } = await world.describe();
    await world.runs.create(creation(1));
    await world.close();
    const again = await bench.closing(open());
    expect(location).toBe(file);
    expect((await again.describe()).incarnation).toBe(incarnation);
    expect((await again.runs.get(id("wrun", 1)))?.tail).toBe(1);
  });

  it("keeps namespaces apart in one file", async () => {
    const file = bench.file();
    const one = await bench.closing(createLocalWorld({ path: file, namespace: "one" }));
    const two = await bench.closing(createLocalWorld({ path: file, namespace: "two" }));
    const keyed = creation(1);
    const request = { ...keyed, created: { ...keyed.created, key: "order-1" } };
    expect((await one.runs.create(request)).kind).toBe("created");
    expect(await two.runs.get(request.runId)).toBeNull();
    expect((await two.runs.create(request)).kind).toBe("created");
    expect((await two.runs.list({ limit: 10 })).items).toHaveLength(1);
  });

  it("uses a write-ahead log that is flushed at each commit", async () => {
    const file = await filledStore();
    const db = new DatabaseSync(file);
    expect(db.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    db.close();
  });

  it("refuses a path below a file", async () => {
    const directory = bench.directory();
    writeFileSync(join(directory, "plain"), "text");
    const error = await failure(join(directory, "plain", "store.db"));
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(error.message).toContain(join(directory, "plain", "store.db"));
  });

  it("refuses a path that is a directory", async () => {
    const file = join(bench.directory(), "store.db");
    mkdirSync(file);
    expect((await failure(file)).code).toBe("STORE_UNAVAILABLE");
  });

  it("refuses a file that is not a database", async () => {
    const file = bench.file();
    writeFileSync(file, "this is certainly no database, however long the text goes on".repeat(200));
    const error = await failure(file);
    expect(error.code).toBe("STORE_CORRUPT");
    expect(error.hint).toContain("backup");
    expect(readFileSync(file, "utf8")).toContain("certainly no database");
  });

  it("refuses a database of another application and leaves it alone", async () => {
    const file = bench.file();
    const db = new DatabaseSync(file);
    db.exec("CREATE TABLE theirs (a)");
    db.close();
    expect((await failure(file)).code).toBe("STORE_UNSUPPORTED");
    const after = new DatabaseSync(file);
    expect(after.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "theirs" }]);
    after.close();
  });

  it("refuses a file of a newer version, naming both versions", async () => {
    const file = await filledStore();
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${schemaVersion + 7}`);
    db.close();
    const error = await failure(file);
    expect(error.code).toBe("STORE_NEWER_VERSION");
    expect(error.message).toContain(String(schemaVersion + 7));
    expect(error.message).toContain(`up to ${schemaVersion}`);
    expect(error.message).toContain(file);
  });

  it("refuses a file that was cut short", async () => {
    const file = await filledStore();
    truncateSync(file, 4096 * 3 + 100);
    expect((await failure(file)).code).toBe("STORE_CORRUPT");
  });

  it("refuses a file whose first page was overwritten", async () => {
    const file = await filledStore();
    const handle = openSync(file, "r+");
    writeSync(handle, Buffer.alloc(4000, 0xa5), 0, 4000, 96);
    closeSync(handle);
    expect((await failure(file)).code).toBe("STORE_CORRUPT");
  });

  it("tells of damage in a page that is met later, and does not return its content", async () => {
    const file = await filledStore(200);
    const pages = readFileSync(file).length / 4096;
    const handle = openSync(file, "r+");
    for (let page = 2; page < pages; page += 1) writeSync(handle, Buffer.alloc(64, 0xa5), 0, 64, page * 4096);
    closeSync(handle);
    expect((await failure(file)).code).toBe("STORE_CORRUPT");
  });
});

describe("a store that this user may not write", () => {
  async function asNobody(file: string): Promise<{ readonly code: unknown; readonly message: unknown }> {
    const child = startChild("open-as-nobody", [file]);
    return (await child.line()) as { readonly code: unknown; readonly message: unknown };
  }

  it("says so for a file that is read-only", async () => {
    const file = await filledStore();
    chmodSync(file, 0o444);
    chmodSync(join(file, ".."), 0o555);
    const { code, message } = await asNobody(file);
    expect(code).toBe("STORE_READ_ONLY");
    expect(message).toContain(file);
  });

  it("says so for a directory that is read-only", async () => {
    const directory = bench.directory();
    chmodSync(directory, 0o555);
    expect((await asNobody(join(directory, "store.db"))).code).toBe("STORE_READ_ONLY");
  });
});
