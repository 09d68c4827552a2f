import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "@perdure/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FailingConnections, type Fault } from "../test/failing-connection.ts";
import { GroupCommit, Refusal } from "./group-commit.ts";
import { type DatabaseSync, loadSqlite } from "./sqlite.ts";
import { sqlite } from "./store-errors.ts";

const { DatabaseSync: Database } = loadSqlite();

let directory: string;
let db: DatabaseSync;
let commits: GroupCommit<number>;
/** What each commit announced, and `undone` for each that was rolled back. */
let history: (readonly number[] | "undone")[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "perdure-group-"));
  const file = join(directory, "group.db");
  db = new Database(file);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE numbers (n INTEGER PRIMARY KEY CHECK (n < 100))");
  history = [];
  commits = new GroupCommit<number>(db, file, 1_000, {
    begun: () => {},
    rolledBack: () => history.push("undone"),
    committed: (announcements) => history.push(announcements),
  });
});

afterEach(() => {
  if (db.isOpen) db.close();
  rmSync(directory, { recursive: true });
});

const insert = (n: number): Promise<number> =>
  commits.submit<number>((announce) => {
    db.prepare("INSERT INTO numbers VALUES (?)").run(n);
    announce(n);
    return n * 2;
  });

const numbers = (): readonly unknown[] =>
  db
    .prepare("SELECT n FROM numbers ORDER BY n")
    .all()
    .map(({ n }) => n);

describe("a group of writes", () => {
  it("shares one commit, and each member gets its own answer", async () => {
    expect(await Promise.all([1, 2, 3].map(insert))).toEqual([2, 4, 6]);
    expect(history).toEqual([[1, 2, 3]]);
    expect(numbers()).toEqual([1, 2, 3]);
  });

  it("sees what the members before it have written", async () => {
    const count = (): Promise<unknown> => commits.submit(() => db.prepare("SELECT count(*) AS n FROM numbers").get());
    const answers = await Promise.all([insert(1), count(), insert(2), count()]);
    expect(answers).toEqual([2, { n: 1 }, 4, { n: 2 }]);
  });

  it("is cut at a bound, and keeps its order", async () => {
    const count = (): Promise<unknown> => commits.submit((announce) => announce(history.length));
    await Promise.all(Array.from({ length: 1_200 }, count));
    expect(history.length).toBeGreaterThan(1);
    expect(history.flat()).toEqual(history.flat().toSorted((a, b) => Number(a) - Number(b)));
    expect(history.flat()).toHaveLength(1_200);
  });

  it("is cut when its writes take long", async () => {
    const slow = (n: number): Promise<unknown> =>
      commits.submit((announce) => {
        const until = performance.now() + 5;
        while (performance.now() < until);
        announce(n);
      });
    await Promise.all([slow(1), slow(2), slow(3)]);
    expect(history).toEqual([[1], [2], [3]]);
  });

  it("goes on when a member refuses", async () => {
    const refused = commits.submit(() => new Refusal(new RangeError("no")));
    const results = await Promise.allSettled([insert(1), refused, insert(2)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(history).toEqual([[1, 2]]);
  });

  it("is undone and run again one by one when a member fails, so that only that one does", async () => {
    const results = await Promise.allSettled([insert(1), insert(500), insert(2), insert(1)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(results[1]).toMatchObject({ reason: { code: "STORE_UNAVAILABLE", outcome: "none" } });
    expect(history).toEqual(["undone", [1], "undone", [2], "undone"]);
    expect(numbers()).toEqual([1, 2]);
  });

  it("hands on an error that is not the store's as it is", async () => {
    const error = new TypeError("a defect");
    const failing = commits.submit(() => {
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await insert(1)).toBe(2);
  });

  it("G4: is used no more when a failed transaction cannot be undone, and shows nothing of it", async () => {
    const fault: Fault = { name: "no rollback", code: sqlite.ioError, of: "rollbacks", when: "before" };
    const failing = new FailingConnections(fault, 1).connect(join(directory, "group.db"));
    const hooks = { begun: () => {}, rolledBack: () => {}, committed: () => {} };
    const broken = new GroupCommit<number>(failing, "group.db", 1_000, hooks);
    const add = (n: number): Promise<unknown> =>
      broken.submit(() => failing.prepare("INSERT INTO numbers VALUES (?)").run(n));
    expect(() => broken.assertReadable()).not.toThrow();
    const results = await Promise.allSettled([add(1), add(500)]);
    for (const result of results) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE", outcome: "none" } });
    }
    await expect(add(2)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", outcome: "none" });
    expect(() => broken.assertReadable()).toThrow(StoreError);
    failing.close();
    expect(numbers()).toEqual([]);
  });

  it("answers what it accepted before it closes, and accepts nothing more", async () => {
    const accepted = Promise.all([insert(1), insert(2)]);
    await commits.close();
    expect(await accepted).toEqual([2, 4]);
    const late: unknown = await insert(3).catch((error: unknown) => error);
    expect(StoreError.is(late) && late.code).toBe("STORE_CLOSED");
  });

  it("waits for the lock of another connection without blocking the event loop", async () => {
    const other = new Database(join(directory, "group.db"));
    other.exec("BEGIN IMMEDIATE");
    const waiting = insert(1);
    const turns: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      turns.push(turn);
    }
    expect(numbers()).toEqual([]);
    other.exec("COMMIT");
    other.close();
    expect(await waiting).toBe(2);
    expect(turns).toHaveLength(20);
  });
});
