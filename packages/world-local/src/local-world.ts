/**
 * The embedded world: one SQLite file through `node:sqlite`, for one machine and any number of processes.
 *
 * What is durable when, is said in `connection.ts`; how writes share a commit, in `group-commit.ts`; what is kept in
 * memory, in `run-cache.ts`; how processes wake each other, in `wake-file.ts`.
 */
import { resolve } from "node:path";
import type { World, WorldBundles, WorldWake } from "@perdure/world";
import { localClaims, parkRun, unparkRun } from "./local-claims.ts";
import { eventsPerAppendMax, localLog } from "./local-log.ts";
import { localRuns } from "./local-runs.ts";
import { localSteps } from "./local-steps.ts";
import { localStreams } from "./local-streams.ts";
import { Store } from "./store.ts";

/** How a local world is set up. Every part is optional. */
export interface LocalWorldOptions {
  /** The database file; default `.perdure/perdure.db` under the current directory. It is created when it is missing. */
  readonly path?: string;
  /** Worlds of different namespaces share the file and see nothing of each other; default `default`. */
  readonly namespace?: string;
  /** The store's clock in whole milliseconds since the epoch; default `Date.now`. */
  readonly now?: () => number;
  /** How long a lock of another process is waited for, in milliseconds, before a call fails; default 10,000. */
  readonly lockWaitMs?: number;
  /** Whether changes of other processes are watched for with `fs.watch` beside the polling; default true. */
  readonly watch?: boolean;
  /** How often changes of other processes are looked for while somebody listens, in milliseconds; default 100. */
  readonly pollMs?: number;
}

/**
 * Opens the store, and creates it when it is missing. Rejects with a `StoreError` that names the file when it is locked,
 * damaged, read-only, of a newer version or not a store. Close the world when it is no longer used.
 */
export async function createLocalWorld(options: LocalWorldOptions = {}): Promise<World> {
  const { namespace = "default", now = Date.now, lockWaitMs = 10_000, watch = true, pollMs = 100 } = options;
  const file = resolve(options.path ?? ".perdure/perdure.db");
  const store = await Store.open({ file, namespace, now, lockWaitMs, watch, pollMs });
  return worldOn(store, options.now !== undefined);
}

/** The world over an open store. `hasOwnClock`: its time does not come from the system. */
export function worldOn(store: Store, hasOwnClock: boolean): World {
  const { file, namespace } = store.settings;
  return {
    capabilities: { compareAndAppend: true, maxEventsPerAppend: eventsPerAppendMax },
    describe: async () => ({
      incarnation: store.incarnation,
      namespace,
      storeNow: store.now(),
      location: file,
    }),
    runs: localRuns(store),
    log: localLog(store),
    claims: localClaims(store, hasOwnClock),
    steps: localSteps(store),
    hooks: { find: (tokenHash) => store.read(() => store.tokens.find(tokenHash)) },
    bundles: localBundles(store),
    streams: localStreams(store),
    park: (runId, epoch, parked) => store.write((announce) => parkRun(store, runId, { epoch, parked }, announce)),
    unpark: (runId) => store.write((announce) => unparkRun(store, runId, announce)),
    wake: localWake(store),
    close: () => store.close(),
  };
}

/** For a configuration file: opens the world when the program needs it, see {@link createLocalWorld}. */
export function localWorld(options: LocalWorldOptions = {}): () => Promise<World> {
  return () => createLocalWorld(options);
}

function localBundles(store: Store): WorldBundles {
  return {
    put: (id, bytes) => store.write(() => store.bundles.put(id, bytes, store.settings.now())),
    get: (id) => store.read(() => store.bundles.get(id)),
  };
}

function localWake(store: Store): WorldWake {
  return {
    listen(callback) {
      store.assertOpen();
      const stop = store.signals.listen(callback);
      store.watchIfNeeded();
      return () => {
        stop();
        store.watchIfNeeded();
      };
    },
  };
}
