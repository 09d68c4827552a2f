/** Connections to a real file that fail at one call, as SQLite would: with its code, and with what it does to the transaction. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { sqlite } from "../src/store-errors.ts";

/** One way to fail. */
export interface Fault {
  readonly name: string;
  /** SQLite's result code. */
  readonly code: number;
  /** Which calls fail in this way; each is counted for all of them. */
  readonly of: "all" | "commits" | "rollbacks";
  /** `before`: the call did nothing. `undone`: nor is the transaction open any more. `after`: it did all, unknown to the caller. */
  readonly when: "before" | "undone" | "after";
}

export const faults: readonly Fault[] = [
  { name: "input or output error", code: sqlite.ioError, of: "all", when: "undone" },
  { name: "full disk", code: sqlite.full, of: "all", when: "undone" },
  { name: "lock", code: sqlite.busy, of: "all", when: "before" },
  { name: "damage", code: sqlite.corrupt, of: "all", when: "before" },
  // The error of fsync: the frames are in the log, and whoever opens it next finds them.
  { name: "flush that fails after the write", code: sqlite.ioError | (4 << 8), of: "commits", when: "after" },
  // SQLITE_NOMEM: the frames are in the log, and there was no memory to note that.
  { name: "commit without memory", code: 7, of: "commits", when: "after" },
  { name: "rollback that fails", code: sqlite.ioError, of: "rollbacks", when: "before" },
];

/** Counts the calls of the connections that it makes, and makes one of them fail. */
export class FailingConnections {
  readonly #fault: Fault;
  readonly #failing: number;
  calls = 0;
  /** The statement that failed; null when the call was not reached. */
  failed: string | null = null;

  /** `failing`: which call of those that may fail, from 1. */
  constructor(fault: Fault, failing: number) {
    this.#fault = fault;
    this.#failing = failing;
  }

  /** To be given to a store: see `Connect`. */
  readonly connect = (file: string): DatabaseSync => {
    const db = this.#call("open", null, () => new DatabaseSync(file));
    return intercept(db, {
      exec: (sql: string) => this.#call(sql, db, () => db.exec(sql)),
      prepare: (sql: string) =>
        this.#statement(
          this.#call(`prepare ${sql}`, db, () => db.prepare(sql)),
          sql,
          db,
        ),
      // A connection that fails to close is closed all the same.
      close: () => this.#call("close", db, () => db.close(), "after"),
    });
  };

  #statement(statement: StatementSync, sql: string, db: DatabaseSync): StatementSync {
    return intercept(statement, {
      run: (...values: Parameters<StatementSync["run"]>) => this.#call(sql, db, () => statement.run(...values)),
      get: (...values: Parameters<StatementSync["get"]>) => this.#call(sql, db, () => statement.get(...values)),
      all: (...values: Parameters<StatementSync["all"]>) => this.#call(sql, db, () => statement.all(...values)),
    });
  }

  #call<T>(sql: string, db: DatabaseSync | null, call: () => T, when: Fault["when"] = this.#fault.when): T {
    if (!this.#counts(sql)) return call();
    this.calls += 1;
    if (this.calls !== this.#failing) return call();
    this.failed = sql;
    if (when === "after") call();
    if (when === "undone" && db?.isTransaction === true) db.exec("ROLLBACK");
    throw Object.assign(new Error("injected"), { code: "ERR_SQLITE_ERROR", errcode: this.#fault.code });
  }

  #counts(sql: string): boolean {
    const { of } = this.#fault;
    return of === "all" ? sql !== "ROLLBACK" : sql === (of === "commits" ? "COMMIT" : "ROLLBACK");
  }
}

/** The object with some of its methods replaced; the others are called on the object itself, which is a native one. */
function intercept<T extends object>(target: T, methods: Readonly<Record<string, unknown>>): T {
  return new Proxy(target, {
    get(object, name) {
      if (typeof name === "string" && Object.hasOwn(methods, name)) return methods[name];
      const value: unknown = Reflect.get(object, name, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
