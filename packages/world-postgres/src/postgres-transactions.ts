/** What is written in one transaction with the program's own data. */
import type { WorldTransactions } from "@perdure/world";
import type { Store } from "./store.ts";
import { appendInTransaction } from "./transacted-append.ts";
import { createInTransaction } from "./transacted-creation.ts";

export function postgresTransactions(store: Store): WorldTransactions {
  return {
    create: (transaction, request) => {
      const own = { ...request, input: Uint8Array.from(request.input) };
      return store.call(() => createInTransaction(store, transaction, own));
    },
    append: (runId, body) => store.call(() => appendInTransaction(store, runId, body)),
  };
}
