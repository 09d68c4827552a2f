/**
 * The `hook_tokens` table: which open hook holds a token, unique within the namespace.
 *
 * It says again what the logs say, so a row is believed only if the log does say so.
 */
import { UndecodableError } from "@perdure/errors";
import type { LogEvent, OpenHook } from "@perdure/world";
import type { EventRows } from "./event-rows.ts";
import { damagedRunError, type RunRows } from "./run-rows.ts";
import { type DatabaseSync, firstRow, type StatementSync } from "./sqlite.ts";

interface TokenRow {
  readonly rid: number;
  readonly correlation_id: string;
  readonly position: number;
}

export class HookTokens {
  readonly #namespaceId: number;
  readonly #runs: RunRows;
  readonly #events: EventRows;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAll: StatementSync;

  constructor(db: DatabaseSync, namespaceId: number, runs: RunRows, events: EventRows) {
    this.#namespaceId = namespaceId;
    this.#runs = runs;
    this.#events = events;
    this.#find = db.prepare(
      "SELECT rid, correlation_id, position FROM hook_tokens WHERE namespace_id = ? AND token_hash = ?",
    );
    this.#insert = db.prepare(
      "INSERT INTO hook_tokens (namespace_id, token_hash, rid, correlation_id, position) VALUES (?, ?, ?, ?, ?)",
    );
    this.#remove = db.prepare("DELETE FROM hook_tokens WHERE rid = ? AND correlation_id = ?");
    this.#removeAll = db.prepare("DELETE FROM hook_tokens WHERE rid = ?");
  }

  /** The open hook that holds a token. Throws `UndecodableError` when its run, or what leads there, is damaged. */
  find(tokenHash: string): OpenHook | null {
    const row = firstRow(this.#find, this.#namespaceId, tokenHash) as TokenRow | undefined;
    if (row === undefined) return null;
    const found = this.#runs.byRid(row.rid);
    if (found === null) throw damagedTokenError();
    const { run } = found;
    if (found.isDamaged) throw damagedRunError(run.runId);
    const [event] = row.position > run.tail ? [] : this.#events.readHeads(row.rid, row.position - 1, row.position);
    const { correlation_id: correlationId, position } = row;
    if (event?.type !== "hook_created" || event.correlationId !== correlationId || event.data.tokenHash !== tokenHash) {
      throw damagedTokenError();
    }
    return { runId: run.runId, correlationId, position };
  }

  /** Take and free tokens as the events say. */
  apply(rid: number, events: readonly LogEvent[]): void {
    for (const event of events) {
      if (event.type === "hook_created") {
        this.#insert.run(this.#namespaceId, event.data.tokenHash, rid, event.correlationId, event.position);
      } else if (event.type === "hook_disposed") {
        this.#remove.run(rid, event.correlationId);
      }
    }
  }

  /** Free every token of a run that has ended. */
  freeAll(rid: number): void {
    this.#removeAll.run(rid);
  }
}

const damagedTokenError = (): UndecodableError =>
  new UndecodableError("The store does not agree with itself about the hook that holds this token.", {
    hint: "The store is damaged: restore it from a backup.",
  });
