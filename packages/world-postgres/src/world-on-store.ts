/** The parts of the world, put together over one open store. */
import type { World, WorldBundles, WorldWake } from "@perdure/world";
import { parkRun, postgresClaims, unparkRun } from "./postgres-claims.ts";
import { eventsPerAppendMax, postgresLog } from "./postgres-log.ts";
import { postgresRuns } from "./postgres-runs.ts";
import { postgresSteps } from "./postgres-steps.ts";
import { postgresStreams } from "./postgres-streams.ts";
import { postgresTransactions } from "./postgres-transactions.ts";
import type { Store } from "./store.ts";

/** The world over an open store. */
export function worldOn(store: Store): World {
  const { location, namespace } = store.settings;
  return {
    capabilities: { compareAndAppend: true, maxEventsPerAppend: eventsPerAppendMax },
    describe: () =>
      store.call(async () => ({
        incarnation: [store.incarnation, store.restoration.mark].filter((part) => part !== null).join(" "),
        namespace,
        storeNow: await store.runs.now(store.database),
        location,
      })),
    runs: postgresRuns(store),
    log: postgresLog(store),
    claims: postgresClaims(store),
    steps: postgresSteps(store),
    hooks: { find: (tokenHash) => store.call(() => store.runs.findToken(store.database, tokenHash)) },
    bundles: postgresBundles(store),
    streams: postgresStreams(store),
    park: (runId, epoch, parked) => store.call(() => parkRun(store, runId, epoch, parked)),
    unpark: (runId) => store.call(() => unparkRun(store, runId)),
    transactions: postgresTransactions(store),
    wake: postgresWake(store),
    close: () => store.close(),
  };
}

function postgresBundles(store: Store): WorldBundles {
  return {
    put: (id, bytes) => {
      const own = Buffer.from(bytes);
      return store.call(() => store.bundles.put(id, own));
    },
    get: (id) => store.call(() => store.bundles.get(id)),
  };
}

function postgresWake(store: Store): WorldWake {
  return {
    listen(callback) {
      store.assertOpen();
      const stop = store.signals.listen(callback);
      store.watchIfNeeded();
      return stop;
    },
  };
}
