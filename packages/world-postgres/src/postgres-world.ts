/**
 * The PostgreSQL world: one database for many workers on many machines, through `pg`.
 *
 * How a run is changed, is said in `run-changes.ts`; which changes share a statement, in `write-lane.ts`; what the statement
 * compares, in `migrations/0001-write-runs.ts`; what is kept in memory, in `run-cache.ts`; how processes wake each other, in
 * `notices.ts`.
 */
import type { StoreOperations, World } from "@perdure/world";
import { openStore, settingsOf } from "./open-store.ts";
import { postgresOperations } from "./operations/operations.ts";
import type { PostgresWorldOptions } from "./options.ts";
import { worldOn } from "./world-on-store.ts";

/**
 * Connects, and creates or migrates the tables where that is needed. Rejects with a `ConfigError` for options that can
 * never work, and with a `StoreError` that names host and database when the server is out of reach, refuses the user, has
 * no such database, or would not keep what it acknowledges. Close the world when it is no longer used.
 */
export async function createPostgresWorld(options: PostgresWorldOptions): Promise<World> {
  const { allowUnsafeDurability = false } = options;
  return worldOn(await openStore(settingsOf(options), allowUnsafeDurability));
}

/** Opens a world, and carries what `perdure postgres …` does with its store. */
export interface PostgresWorldFactory {
  (): Promise<World>;
  readonly operations: StoreOperations;
}

/** For a configuration file: opens the world when the program needs it, see {@link createPostgresWorld}. */
export function postgresWorld(options: PostgresWorldOptions): PostgresWorldFactory {
  return Object.assign(() => createPostgresWorld(options), { operations: postgresOperations(options) });
}
