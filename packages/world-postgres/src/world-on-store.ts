/** The parts of the world, put together over one open store. */
import type { World, WorldBundles, WorldWake } from "@perdure/world";
import { parkRun, postgresClaims, unparkRun } from "./postgres-claims.ts";
import { eventsPerAppendMax, postgresLog } from "./postgres-log.ts";
import { postgresRuns } from "./postgres-runs.ts";
import { postgresSteps } from "./postgres-steps.ts";
import type { Store } from "./store.ts";
import { toStoredText } from "./stored-text.ts";

/** The world over an open store. */
export function worldOn(store: Store): World {
  const { location, namespace } = store.settings;
  return {
    capabilities: { compareAndAppend: true, maxEventsPerAppend: eventsPerAppendMax },
    describe: () =>
      store.call(async () => ({
        incarnation: store.incarnation,
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
    park: (runId, epoch, parked) => store.call(() => parkRun(store, runId, epoch, parked)),
    unpark: (runId) => store.call(() => unparkRun(store, runId)),
    wake: postgresWake(store),
    close: () => store.close(),
  };
}

function postgresBundles(store: Store): WorldBundles {
  const { schema, namespace } = store.settings;
  const put = `INSERT INTO ${schema}.bundles (namespace, id, bytes, created_at)
VALUES ($1, $2, $3, ${schema}.store_now()) ON CONFLICT DO NOTHING`;
  const get = `SELECT bytes FROM ${schema}.bundles WHERE namespace = $1 AND id = $2`;
  const keyOf = (id: string) => [toStoredText(namespace), toStoredText(id)];
  return {
    put: (id, bytes) => {
      const own = Buffer.from(bytes);
      return store.call(async () => {
        await store.database.write(put, [...keyOf(id), own]);
      });
    },
    get: (id) =>
      store.call(async () => {
        const [row] = await store.database.read<{ readonly bytes: Uint8Array }>(get, keyOf(id));
        return row?.bytes ?? null;
      }),
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
