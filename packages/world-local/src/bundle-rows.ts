/** The `bundles` table: compiled workflow code by the hash of its content. */
import { UndecodableError } from "@perdure/errors";
import { bytesMatch, sumOfBytes } from "./row-sum.ts";
import { type DatabaseSync, firstRow, type StatementSync } from "./sqlite.ts";

export class BundleRows {
  readonly #namespaceId: number;
  readonly #insert: StatementSync;
  readonly #find: StatementSync;

  constructor(db: DatabaseSync, namespaceId: number) {
    this.#namespaceId = namespaceId;
    this.#insert = db.prepare(
      "INSERT INTO bundles (namespace_id, id, bytes, created_at, sum) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#find = db.prepare("SELECT bytes, sum FROM bundles WHERE namespace_id = ? AND id = ?");
  }

  put(id: string, bytes: Uint8Array, now: number): void {
    this.#insert.run(this.#namespaceId, id, bytes, now, sumOfBytes(bytes));
  }

  /** Null when there is none. Throws `UndecodableError` when it is not as it was stored. */
  get(id: string): Uint8Array | null {
    const row = firstRow(this.#find, this.#namespaceId, id) as BundleRow | undefined;
    if (row === undefined) return null;
    if (bytesMatch(row.bytes, row.sum)) return row.bytes;
    throw new UndecodableError(`Bundle ${id} does not match its checksum.`, {
      hint: "The store is damaged: restore it from a backup.",
    });
  }
}

interface BundleRow {
  readonly bytes: Uint8Array;
  readonly sum: number;
}
