/** What a call asks of the server. */
import { vi } from "vitest";
import type { Session } from "../src/database.ts";
import type { Store } from "../src/store.ts";

interface StatementCounts {
  readonly reads: number;
  readonly writes: number;
  readonly transactions: number;
}

/**
 * How many statements and transactions a call takes; those of a session are counted too. Of those that read, only the ones
 * with `part` in them.
 */
export async function countOf(store: Store, call: () => Promise<unknown>, part = ""): Promise<StatementCounts> {
  const { database } = store;
  const { session } = database;
  let together = 0;
  const counted = (open: Session): Session => ({
    read: open.read.bind(open),
    write: (text, values) => {
      together += 1;
      return open.write(text, values);
    },
    get isOver() {
      return open.isOver;
    },
  });
  database.session = (use) => session.call(database, (open) => use(counted(open))) as ReturnType<typeof use>;
  const spies = [vi.spyOn(database, "read"), vi.spyOn(database, "write"), vi.spyOn(database, "transaction")] as const;
  await call();
  // What only tells others of changes is sent whenever there is time.
  const asked = spies[0].mock.calls.filter(([text]) => text.includes(part) && !text.includes("pg_notify"));
  const [, writes, transactions] = spies.map((spy) => spy.mock.calls.length);
  for (const spy of spies) spy.mockRestore();
  database.session = session;
  return { reads: asked.length, writes: (writes ?? 0) + together, transactions: transactions ?? 0 };
}
