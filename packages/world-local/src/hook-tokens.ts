/** The `hook_tokens` table: which open hook holds a token, unique within the namespace. */
import type { LogEvent, OpenHook } from "@perdure/world";
import type { DatabaseSync, StatementSync } from "./sqlite.ts";

export class HookTokens {
  readonly #namespaceId: number;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAll: StatementSync;

  constructor(db: DatabaseSync, namespaceId: number) {
    this.#namespaceId = namespaceId;
    this.#find = db.prepare(
      `SELECT r.run_id, h.correlation_id, h.position FROM hook_tokens h JOIN runs r ON r.rid = h.rid
       WHERE h.namespace_id = ? AND h.token_hash = ?`,
    );
    this.#insert = db.prepare(
      "INSERT INTO hook_tokens (namespace_id, token_hash, rid, correlation_id, position) VALUES (?, ?, ?, ?, ?)",
    );
    this.#remove = db.prepare("DELETE FROM hook_tokens WHERE rid = ? AND correlation_id = ?");
    this.#removeAll = db.prepare("DELETE FROM hook_tokens WHERE rid = ?");
  }

  find(tokenHash: string): OpenHook | null {
    const row = this.#find.get(this.#namespaceId, tokenHash) as
      | { readonly run_id: string; readonly correlation_id: string; readonly position: number }
      | undefined;
    if (row === undefined) return null;
    return { runId: row.run_id, correlationId: row.correlation_id, position: row.position };
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
