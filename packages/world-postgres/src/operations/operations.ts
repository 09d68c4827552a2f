/** What `perdure postgres …` does: each call has connections of its own, and closes them. */
import type { MigrationReport, PurgeReport, PurgeRequest, StoreOperations } from "@perdure/world";
import { BundleCollection } from "../bundle-collection.ts";
import { Database } from "../database.ts";
import { migrateStore, settingsOf } from "../open-store.ts";
import type { PostgresWorldOptions } from "../options.ts";
import { Purge } from "../purge.ts";
import { endedStatuses } from "../retention.ts";
import { assertUsable, plannedSql, schemaState, supported } from "../schema.ts";
import type { StoreSettings } from "../store.ts";
import { examine } from "./doctor.ts";
import { readStatus } from "./status.ts";

/** Two, since a doctor listens to himself. */
const connectionsMax = 2;

export function postgresOperations(options: PostgresWorldOptions): StoreOperations {
  return {
    backend: "postgres",
    migrate: ({ dryRun }) => connected(options, (database, settings) => migrateOrPlan(database, settings, dryRun)),
    status: () => migrated(options, readStatus),
    purge: (request) => migrated(options, (database, settings) => purgeOnce(database, settings, request)),
    doctor: () => connected(options, examine),
  };
}

type Chore<T> = (database: Database, settings: StoreSettings) => Promise<T>;

async function connected<T>(options: PostgresWorldOptions, chore: Chore<T>): Promise<T> {
  const settings = settingsOf(options);
  // A count of a large table may take longer than a call of the engine may.
  const config = { ...settings.config, query_timeout: 0 };
  const database = new Database({ ...settings, config, maxConnections: connectionsMax });
  try {
    return await chore(database, settings);
  } finally {
    await database.close();
  }
}

function migrated<T>(options: PostgresWorldOptions, chore: Chore<T>): Promise<T> {
  return connected(options, async (database, settings) => {
    assertUsable(await schemaState(database, settings.schema), settings.location, supported);
    return chore(database, settings);
  });
}

async function migrateOrPlan(database: Database, settings: StoreSettings, dryRun: boolean): Promise<MigrationReport> {
  const { location, schema } = settings;
  const state = await schemaState(database, schema);
  const planned = plannedSql(state, schema);
  const sql = dryRun ? planned : await migrateStore(settings);
  return { location, from: state.version, to: Math.max(state.version, supported.migrations.length), sql };
}

async function purgeOnce(database: Database, settings: StoreSettings, request: PurgeRequest): Promise<PurgeReport> {
  const { schema, namespace } = settings;
  const { olderThanMs, status, dryRun } = request;
  const parts = (status === null ? endedStatuses : [status]).map((each) => ({ status: each, olderThanMs }));
  const purge = new Purge(database, schema, namespace);
  const bundles = new BundleCollection(database, schema, namespace);
  if (dryRun) return { ...(await purge.count(parts)), bundles: await bundles.count() };
  return { ...(await purge.run(parts, "foreground")), bundles: await bundles.run("foreground") };
}
