/** What steps call to write to a database exactly once that is not the one of their runs. */
import { InvalidArgumentError } from "@perdure/errors";
import { hydrate } from "@perdure/serde";
import type { StepTransaction, TransactionClient } from "@perdure/world";
import { type OnceKey, underName } from "./call.ts";
import { OnceEntry } from "./entry.ts";
import { type OncePool, type OwnTransaction, withTransaction } from "./pool.ts";
import type { OnceTableOptions } from "./table.ts";

/** Options of {@link onceIn}. */
export interface OnceTransactionOptions extends OnceTableOptions {
  /**
   * Tells the calls of one step apart. Needed when a step has more than one of them; the same in every attempt, whichever
   * calls that one makes.
   */
  readonly name?: string;
}

/** Options of {@link once}. */
export interface OnceOptions extends OnceTransactionOptions {
  /** Default: `read committed`. */
  readonly isolationLevel?: "read committed" | "repeatable read" | "serializable";
}

const levels: Readonly<Record<NonNullable<OnceOptions["isolationLevel"]>, string>> = {
  "read committed": "READ COMMITTED",
  "repeatable read": "REPEATABLE READ",
  serializable: "SERIALIZABLE",
};

/**
 * Runs `body` in a transaction of the pool's database, and commits what it writes together with its result: exactly once,
 * however often the step is started. When an earlier start has committed, the body is not run, and its stored result is
 * returned. When another start is at it, that one is waited for. What the body throws has undone its writes.
 *
 * The result is stored as results of steps are, in at most 1 MiB; what is returned is always a copy of it. The table
 * `perdure_once` must be there: see {@link createOnceTable}. Throws `NotInStepContextError` outside of a step, an
 * `InvalidArgumentError` for two calls of one name in a step, and what the pool and the server say as it is.
 *
 * @example
 * async function charge(order: Order) {
 *   "use step";
 *   return await once(pool, async (tx) => {
 *     await tx.query("UPDATE accounts SET balance = balance - $1 WHERE id = $2", [order.total, order.account]);
 *     const { rows } = await tx.query<{ id: number }>("INSERT INTO charges (order_id) VALUES ($1) RETURNING id", [order.id]);
 *     return rows[0].id;
 *   });
 * }
 */
export function once<T>(
  pool: OncePool,
  body: (tx: StepTransaction) => Promise<T>,
  options: OnceOptions = {},
): Promise<T> {
  return underName("once", options.name, async (key) => {
    const begin = beginning(options);
    const state = { isCommitting: false };
    const payload = await withTransaction(pool, begin, async (transaction) => {
      const entry = new OnceEntry(transaction, key, options);
      await entry.open();
      const stored = await entry.take();
      if (stored !== null) return stored;
      const recorded = await entry.record(await transaction.lend(body));
      state.isCommitting = true;
      await transaction.commit();
      return recorded;
    }).catch(async (error: unknown) => {
      const stored = state.isCommitting ? await lookAgain(pool, key, options).catch(() => null) : null;
      if (stored === null) throw error;
      return stored;
    });
    // What was stored is what a body of this type has returned.
    return hydrate(payload) as T;
  });
}

function beginning({ isolationLevel = "read committed" }: OnceOptions): string {
  if (Object.hasOwn(levels, isolationLevel)) return `BEGIN ISOLATION LEVEL ${levels[isolationLevel]} READ WRITE`;
  const expected = `one of ${Object.keys(levels).join(", ")}`;
  throw new InvalidArgumentError('once(): "isolationLevel"', expected, JSON.stringify(isolationLevel));
}

/**
 * What became of a commit that was not answered: whoever inserts the row waits until the transaction that has it is ended,
 * and then either finds the result or knows that there will be none. Null: there is none.
 */
async function lookAgain(pool: OncePool, key: OnceKey, options: OnceOptions): Promise<Uint8Array | null> {
  return withTransaction(pool, beginning({}), (transaction: OwnTransaction) =>
    new OnceEntry(transaction, key, options).take(),
  );
}

/**
 * As {@link once}, in a transaction that the caller has begun, and that the caller commits: through Drizzle, Kysely or Prisma, or
 * on a client of `pg`. `tx` runs one statement without parameters inside of it. The body writes by what the caller has.
 *
 * What the body throws has undone its writes, by a savepoint; the transaction goes on. Calls in one transaction are made one
 * after the other, or one inside of the other. Await the commit in the step: before it nothing has happened.
 *
 * @example
 * await db.transaction(async (tx) => {
 *   return await onceIn({ query: (text) => tx.execute(sql.raw(text)) }, async () => {
 *     await tx.insert(charges).values({ orderId: order.id });
 *   });
 * });
 */
export function onceIn<T>(
  tx: TransactionClient,
  body: () => Promise<T>,
  options: OnceTransactionOptions = {},
): Promise<T> {
  return underName("onceIn", options.name, async (key) => {
    const entry = new OnceEntry(tx, key, options);
    await entry.open();
    if (!(await entry.isOpen())) {
      throw new InvalidArgumentError("onceIn(): the first argument", "a transaction that is open", "none", {
        hint: "Begin it first, and pass what runs statements inside of it: a client, never a pool. `once(pool, …)` begins one.",
      });
    }
    await tx.query("SAVEPOINT perdure_once");
    const payload = await inSavepoint(tx, async () => (await entry.take()) ?? (await entry.record(await body())));
    return hydrate(payload) as T;
  });
}

/** A savepoint that is gone, or a connection that is, cannot be rolled back to: then the transaction cannot go on either. */
async function inSavepoint<T>(tx: TransactionClient, use: () => Promise<T>): Promise<T> {
  try {
    const result = await use();
    await tx.query("RELEASE SAVEPOINT perdure_once");
    return result;
  } catch (error) {
    await rollBack(tx).catch(() => {});
    throw error;
  }
}

/** Released, so that a call around this one does not find it in the place of its own. */
async function rollBack(tx: TransactionClient): Promise<void> {
  await tx.query("ROLLBACK TO SAVEPOINT perdure_once");
  await tx.query("RELEASE SAVEPOINT perdure_once");
}
