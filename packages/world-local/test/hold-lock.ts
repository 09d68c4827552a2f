/** Holds the write lock of the file in the first argument until its input ends. */
import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync(process.argv[2] ?? "");
db.exec("BEGIN IMMEDIATE");
process.stdout.write(`${JSON.stringify("locked")}\n`);
process.stdin.resume();
process.stdin.once("end", () => {
  db.exec("ROLLBACK");
  db.close();
});
