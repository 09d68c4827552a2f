/**
 * Deletes the bytes of bundles that no live run needs.
 *
 * A process stores a bundle once and then starts runs for it as long as it lives, so a bundle that nobody needs now may be
 * needed by the next start. Hence two stages:
 *
 * 1. Such bundles are marked as doomed. From then on `refuse_doomed_bundles` refuses a run for them, and whoever creates
 *    one puts the bundle again, which takes the mark off.
 * 2. A transaction may have created a run and not have seen the mark. It had its number by the time it looked, so it
 *    is over once every number that was given out until the mark was durable is over. Then the run is visible, or never will be: what
 *    is still doomed, and still not needed, loses its bytes. The row stays, so that a start that comes later is refused
 *    too, and stores the bundle anew.
 *
 * If some transaction of the server outlasts the waiting, nothing is deleted, and the next collection begins again.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "./database.ts";
import { isAlone, type Manner } from "./purge.ts";
import { listed } from "./run-rows.ts";
import { toStoredText } from "./stored-text.ts";

/** A bundle is let alone for so long after it was stored, in milliseconds: most are needed soon. */
const graceMs = 86_400_000;
/** How often it is looked whether older transactions are over, unless said otherwise, and after which pause. */
const defaultLooksMax = 50;
const lookEveryMs = 100;

export class BundleCollection {
  readonly #database: Database;
  readonly #schema: string;
  readonly #namespace: string;
  readonly #looksMax: number;

  constructor(database: Database, schema: string, namespace: string, looksMax = defaultLooksMax) {
    this.#database = database;
    this.#schema = schema;
    this.#namespace = toStoredText(namespace);
    this.#looksMax = looksMax;
  }

  /** How many bundles were deleted. */
  async run(manner: Manner): Promise<number> {
    if (!(await this.#doom())) return 0;
    const fence = await this.#newestTransaction();
    for (let looks = 1; !(await this.#isOver(fence)); looks += 1) {
      if (looks === this.#looksMax) return 0;
      await pause(lookEveryMs, undefined, { ref: manner === "foreground" });
    }
    return this.#erase();
  }

  /** How many bundles a collection would delete. */
  async count(): Promise<number> {
    const [row] = await this.#database.read<{ readonly count: number }>(
      `SELECT count(*) AS count FROM ${this.#schema}.bundles b WHERE ${this.#isNotNeeded} AND b.bytes IS NOT NULL`,
      [this.#namespace, graceMs],
    );
    return row?.count ?? 0;
  }

  get #isNotNeeded(): string {
    return `b.namespace = $1 AND b.created_at <= ${this.#schema}.store_now() - $2::bigint AND b.id NOT IN (
  SELECT r.bundle_id FROM ${this.#schema}.runs r WHERE r.namespace = $1 AND ${listed} AND r.status IN ('pending', 'running'))`;
  }

  /** True when some are doomed. */
  async #doom(): Promise<boolean> {
    return this.#database.transaction(async (queries) => {
      if (!(await isAlone(queries, this.#schema))) return false;
      const rows = await queries.write(
        `UPDATE ${this.#schema}.bundles b SET doomed = true WHERE ${this.#isNotNeeded} AND b.bytes IS NOT NULL RETURNING 1`,
        [this.#namespace, graceMs],
      );
      return rows.length > 0;
    });
  }

  /** A number of its own, as text: every transaction that has got its number before has a smaller one. */
  async #newestTransaction(): Promise<string> {
    const [row] = await this.#database.write<{ readonly fence: string }>(
      "SELECT pg_current_xact_id()::text AS fence",
      [],
    );
    return row?.fence ?? "";
  }

  async #isOver(fence: string): Promise<boolean> {
    const [row] = await this.#database.read<{ readonly over: boolean }>(
      "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS over",
      [fence],
    );
    return row?.over === true;
  }

  /** The look for runs is a statement of its own: it sees all that was committed until now. */
  async #erase(): Promise<number> {
    const rows = await this.#database.write(
      `UPDATE ${this.#schema}.bundles b SET bytes = NULL, signature = NULL
WHERE ${this.#isNotNeeded} AND b.doomed AND b.bytes IS NOT NULL RETURNING 1`,
      [this.#namespace, graceMs],
    );
    return rows.length;
  }
}
