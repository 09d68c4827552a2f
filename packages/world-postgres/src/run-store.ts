/**
 * Reading and writing single runs: the statements, and nothing of what they are for.
 *
 * Owns: the look-up of rows, keys and tokens, and what a write of one run or of several is answered with.
 */
import type { OpenHook } from "@perdure/world";
import { byteStrings, texts } from "./binary-arrays.ts";
import type { Queries } from "./database.ts";
import { isPlain, PlainWrites } from "./plain-writes.ts";
import { type RunRow, runColumns, type VersionedRun, versionedRun } from "./run-rows.ts";
import { type RunChange, RunWrites, type WriteResult } from "./run-writes.ts";
import { sqlState, sqlStateOf } from "./store-errors.ts";
import { fromStoredText, hashOfKey, toStoredText } from "./stored-text.ts";

/** The positions that outside keys have written, of those keys that were asked for and used before. */
export type WrittenKeys = ReadonlyMap<string, number>;

export const noKeys: WrittenKeys = new Map();

/** A run as it was read just now. */
export interface LoadedRun {
  readonly stored: VersionedRun;
  readonly storeNow: number;
  readonly writtenBefore: WrittenKeys;
}

/** Which row is asked for, and whether an outside key has written to it before. */
export interface RunKey {
  readonly runId: string;
  readonly outsideKey: string | null;
}

type LoadedRow = RunRow & { readonly now: number };
/** `written`: which of the keys, counted from 1, and its position. */
type RowWithKeys = LoadedRow & { readonly written: readonly (readonly [key: number, position: number])[] | null };

export class RunStore {
  readonly #namespace: string;
  readonly #storedNamespace: string;
  readonly #writes: RunWrites;
  readonly #plainWrites: PlainWrites;
  readonly #sql: ReturnType<typeof statements>;

  constructor(schema: string, namespace: string, clockLagMsMax: number) {
    this.#namespace = namespace;
    this.#storedNamespace = toStoredText(namespace);
    this.#writes = new RunWrites(schema, this.#storedNamespace, clockLagMsMax);
    this.#plainWrites = new PlainWrites(schema, this.#storedNamespace, clockLagMsMax);
    this.#sql = statements(schema);
  }

  /** The row as it is, with the store's clock; null when there is no such run. */
  async load(queries: Queries, runId: string, outsideKeys: readonly string[] = []): Promise<LoadedRun | null> {
    const values = [this.#storedNamespace, toStoredText(runId), byteStrings(outsideKeys, hashOfKey)];
    const [row] = await queries.read<RowWithKeys>(this.#sql.byId, values);
    if (row === undefined) return null;
    const written = (row.written ?? []).map(([number, position]) => [outsideKeys[number - 1] ?? "", position] as const);
    return this.#loaded(row, written.length === 0 ? noKeys : new Map(written));
  }

  /** {@link load} for several runs in one statement; the answers are in the order of the keys. */
  async loadAll(queries: Queries, keys: readonly RunKey[]): Promise<readonly (LoadedRun | null)[]> {
    const values = [
      this.#storedNamespace,
      texts(keys, ({ runId }) => toStoredText(runId)),
      byteStrings(keys, ({ outsideKey }) => (outsideKey === null ? null : hashOfKey(outsideKey))),
    ];
    const rows = await queries.read<IndexedRow>(this.#sql.byIds, values);
    const loaded = new Map(rows.map((row) => [row.index, row]));
    return keys.map(({ outsideKey }, index) => {
      const row = loaded.get(index + 1);
      if (row === undefined) return null;
      const position = row.written_before;
      return this.#loaded(row, outsideKey === null || position === null ? noKeys : new Map([[outsideKey, position]]));
    });
  }

  /** The run that holds a key. */
  async loadByKey(queries: Queries, key: string): Promise<LoadedRun | null> {
    const [row] = await queries.read<LoadedRow>(this.#sql.byKey, [this.#storedNamespace, hashOfKey(key)]);
    return row === undefined ? null : this.#loaded(row, noKeys);
  }

  /** Keeps every other writer of a run waiting until the transaction ends. */
  async lock(queries: Queries, runId: string): Promise<void> {
    await queries.read(this.#sql.lock, [this.#storedNamespace, toStoredText(runId)]);
  }

  #loaded(row: LoadedRow, writtenBefore: WrittenKeys): LoadedRun {
    return { stored: versionedRun(row, this.#namespace), storeNow: row.now, writtenBefore };
  }

  async now(queries: Queries): Promise<number> {
    const [row] = await queries.read<{ readonly now: number }>(this.#sql.now, []);
    return row?.now ?? Number.NaN;
  }

  /** The open hook that holds a token. */
  async findToken(queries: Queries, tokenHash: string): Promise<OpenHook | null> {
    const values = [this.#storedNamespace, [toStoredText(tokenHash)]];
    const [row] = await queries.read<TokenRow>(this.#sql.tokens, values);
    if (row === undefined) return null;
    const { run_id, correlation_id, position } = row;
    return { runId: fromStoredText(run_id), correlationId: fromStoredText(correlation_id), position };
  }

  /** The runs that hold some of these tokens, by token hash. */
  async tokenHolders(queries: Queries, hashes: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const values = [this.#storedNamespace, hashes.map(toStoredText)];
    const rows = await queries.read<TokenRow>(this.#sql.tokens, values);
    return new Map(rows.map((row) => [fromStoredText(row.token_hash), fromStoredText(row.run_id)]));
  }

  /** Write a change, if it may still be written as it was judged, and wait for whoever holds its row. One round trip. */
  async write(queries: Queries, change: RunChange): Promise<WriteResult> {
    try {
      const [result] = await this.#write(queries, [change], null);
      return result ?? { outcome: "stale", now: null };
    } catch (error) {
      const code = sqlStateOf(error);
      if (code === sqlState.tokensMoved) return { outcome: "tokens", now: null };
      if (code === sqlState.bundleDoomed) return { outcome: "bundle", now: null };
      throw error;
    }
  }

  /**
   * Write changes of different runs in one statement, each of them if it may still be written as it was judged. `null`:
   * their rows are locked by this transaction already.
   */
  writeTogether(
    queries: Queries,
    changes: readonly RunChange[],
    lockTimeoutMs: number | null,
  ): Promise<readonly WriteResult[]> {
    return this.#write(queries, changes, lockTimeoutMs);
  }

  async #write(
    queries: Queries,
    changes: readonly RunChange[],
    lockTimeoutMs: number | null,
  ): Promise<readonly WriteResult[]> {
    const [change] = changes;
    return change !== undefined && changes.length === 1 && isPlain(change)
      ? [await this.#plainWrites.write(queries, change, lockTimeoutMs)]
      : this.#writes.write(queries, changes, lockTimeoutMs);
  }
}

type IndexedRow = LoadedRow & { readonly index: number; readonly written_before: number | null };

interface TokenRow {
  readonly token_hash: string;
  readonly run_id: string;
  readonly correlation_id: string;
  readonly position: number;
}

function statements(schema: string) {
  const columns = `${runColumns}, ${schema}.store_now() AS now`;
  const writtenBy = `SELECT e.position FROM ${schema}.events e
WHERE e.namespace = r.namespace AND e.run_id = r.run_id AND e.key_hash = k.key_hash`;
  return {
    // A seek for each, whatever the planner thinks of their number.
    byId: `SELECT ${columns}, (SELECT json_agg(json_build_array(k.index, e.position))
FROM unnest($3::bytea[]) WITH ORDINALITY AS k(key_hash, index), LATERAL (${writtenBy} LIMIT 1) AS e) AS written
FROM ${schema}.runs r WHERE r.namespace = $1 AND r.run_id = $2`,
    byIds: `SELECT k.index, ${columns}, (${writtenBy}) AS written_before
FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS k(run_id, key_hash, index),
LATERAL (SELECT * FROM ${schema}.runs WHERE namespace = $1 AND run_id = k.run_id LIMIT 1) AS r`,
    byKey: `SELECT ${columns} FROM ${schema}.runs r WHERE r.namespace = $1 AND r.key_hash = $2`,
    lock: `SELECT 1 FROM ${schema}.runs r WHERE r.namespace = $1 AND r.run_id = $2 FOR UPDATE`,
    now: `SELECT ${schema}.store_now() AS now`,
    tokens: `SELECT token_hash, run_id, correlation_id, position FROM ${schema}.hook_tokens
WHERE namespace = $1 AND token_hash = ANY ($2::text[])`,
  };
}
