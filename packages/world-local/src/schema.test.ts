import { StoreError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { type Migration, migrate, migrations, schemaVersion } from "./schema.ts";
import { type DatabaseSync, loadSqlite } from "./sqlite.ts";

const { DatabaseSync: Database } = loadSqlite();

const memory = (): DatabaseSync => new Database(":memory:");
const version = (db: DatabaseSync): unknown => db.prepare("PRAGMA user_version").get()?.["user_version"];
const second: Migration = { version: schemaVersion + 1, sql: "CREATE TABLE added (a)" };

describe("migrations", () => {
  it("are numbered without a gap", () => {
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, index) => index + 1));
  });

  it("are applied once, however often the file is opened", () => {
    const db = memory();
    migrate(db, "file");
    const incarnation = db.prepare("SELECT value FROM meta WHERE key = 'incarnation'").get();
    migrate(db, "file");
    expect(version(db)).toBe(schemaVersion);
    expect(db.prepare("SELECT value FROM meta WHERE key = 'incarnation'").get()).toEqual(incarnation);
  });

  it("bring an older file up, and keep what it holds", () => {
    const db = memory();
    migrate(db, "file");
    db.exec("INSERT INTO namespaces (name) VALUES ('kept')");
    migrate(db, "file", [...migrations, second]);
    expect(version(db)).toBe(schemaVersion + 1);
    expect(db.prepare("SELECT name FROM namespaces").all()).toEqual([{ name: "kept" }]);
    expect(db.prepare("SELECT count(*) AS n FROM added").get()).toEqual({ n: 0 });
  });

  it("leave the version before in place when one fails in the middle, and are applied by the next start", () => {
    const db = memory();
    const broken: Migration = { ...second, sql: "CREATE TABLE added (a); CREATE TABLE added (a)" };
    expect(() => migrate(db, "file", [...migrations, broken])).toThrow();
    expect(version(db)).toBe(schemaVersion);
    migrate(db, "file", [...migrations, second]);
    expect(version(db)).toBe(schemaVersion + 1);
  });

  it("refuse a file of a newer version without touching it", () => {
    const db = memory();
    migrate(db, "file", [...migrations, second]);
    let error: unknown;
    try {
      migrate(db, "file");
    } catch (reason) {
      error = reason;
    }
    expect(StoreError.is(error) && error.code).toBe("STORE_NEWER_VERSION");
    expect(version(db)).toBe(schemaVersion + 1);
    expect(() => db.exec("BEGIN IMMEDIATE; ROLLBACK")).not.toThrow();
  });
});
