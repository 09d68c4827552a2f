import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { SqliteFloor } from "./sqlite-floor.ts";

function temporaryFloor(): { readonly floor: SqliteFloor; readonly rowSizes: () => unknown[] } {
  const directory = mkdtempSync(join(tmpdir(), "perdure-floor-"));
  const floor = new SqliteFloor(directory);
  const rowSizes = (): unknown[] => {
    const db = new DatabaseSync(join(directory, "floor.db"), { readOnly: true });
    const sizes = db.prepare("SELECT length(bytes) AS size FROM rows ORDER BY id").all();
    db.close();
    return sizes.map((row) => row["size"]);
  };
  onTestFinished(() => {
    floor.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { floor, rowSizes };
}

test("a commit writes a row of the size asked for", () => {
  const { floor, rowSizes } = temporaryFloor();
  expect(floor.commits(3, 500.4)).toBeGreaterThan(0);
  expect(rowSizes()).toEqual([500, 500, 500]);
});

test("grouped commits write every row, also when the last group is not full", () => {
  const { floor, rowSizes } = temporaryFloor();
  expect(floor.groupedCommits(300, 10)).toBeGreaterThan(0);
  expect(rowSizes()).toEqual(Array.from({ length: 300 }, () => 10));
});

test("reading starts from exactly the rows asked for", () => {
  const { floor, rowSizes } = temporaryFloor();
  floor.commits(5, 10);
  expect(floor.read(40, 20)).toBeGreaterThan(0);
  expect(rowSizes()).toEqual(Array.from({ length: 40 }, () => 20));
});
