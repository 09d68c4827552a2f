/**
 * A world in memory: the contract in full, without durability. For tests, simulations and programs whose runs may die
 * with the process.
 *
 * Every call is applied synchronously when it is made and answered in a later microtask, so a call is atomic. Time comes
 * from the caller's `env` alone, which makes it the store's clock of a simulation as well.
 */
import { memoryClaims, parkRun, unparkRun } from "./memory/memory-claims.ts";
import { memoryLog } from "./memory/memory-log.ts";
import { memoryRuns } from "./memory/memory-runs.ts";
import { memorySteps } from "./memory/memory-steps.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { memoryStreams } from "./memory/memory-streams.ts";
import { memoryWake } from "./memory/memory-wake.ts";
import { type MemoryEnv, Session } from "./memory/session.ts";
import type { World, WorldBundles } from "./world.ts";

export { type MemoryEnv, MemoryStore };

/** How a memory world is set up. */
export interface MemoryWorldOptions {
  /** Clock and timers. */
  readonly env: MemoryEnv;
  /** Default `default`. */
  readonly namespace?: string;
  /** Whether `ifTail` is honoured; default true. Without it every append is taken whatever the tail is. */
  readonly compareAndAppend?: boolean;
  /** Larger appends are refused with a `StoreError`; default 100,000. */
  readonly maxEventsPerAppend?: number;
  /** Name of the store's incarnation, when no `store` is given; default `memory`. */
  readonly incarnation?: string;
  /** The data, to share it with other worlds; default: a new and empty one. */
  readonly store?: MemoryStore;
}

/** A new world on a new store, or on the one that is given. */
export function createMemoryWorld(options: MemoryWorldOptions): World {
  const { env, namespace = "default", compareAndAppend = true, maxEventsPerAppend = 100_000 } = options;
  const store = options.store ?? new MemoryStore(options.incarnation);
  const session = new Session(store.space(namespace), env, maxEventsPerAppend);
  return {
    capabilities: { compareAndAppend, maxEventsPerAppend },
    describe: async () => ({
      incarnation: store.incarnation,
      namespace,
      storeNow: session.now(),
      location: "memory of this process",
    }),
    runs: memoryRuns(session),
    log: memoryLog(session, compareAndAppend),
    claims: memoryClaims(session),
    steps: memorySteps(session),
    hooks: {
      async find(tokenHash) {
        session.assertOpen();
        return session.space.tokens.get(tokenHash) ?? null;
      },
    },
    bundles: memoryBundles(session),
    streams: memoryStreams(session),
    park: async (runId, epoch, parked) => parkRun(session, runId, epoch, parked),
    unpark: async (runId) => unparkRun(session, runId),
    wake: memoryWake(session),
    close: async () => session.close(),
  };
}

function memoryBundles(session: Session): WorldBundles {
  const { bundles } = session.space;
  return {
    async put(id, bytes) {
      session.assertOpen();
      if (!bundles.has(id)) bundles.set(id, new Uint8Array(bytes));
    },
    async get(id) {
      session.assertOpen();
      const bytes = bundles.get(id);
      return bytes === undefined ? null : new Uint8Array(bytes);
    },
  };
}
