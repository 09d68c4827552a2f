/** From options to an open store: the settings, the connection, the server's own settings, and the schema. */
import { ConfigError } from "@perdure/errors";
import { Client, type ClientConfig } from "pg";
import { Database } from "./database.ts";
import type { PostgresWorldOptions } from "./options.ts";
import { restoredKey } from "./restoration.ts";
import { retentionOf } from "./retention.ts";
import { assertUsable, migrate, schemaState, supported } from "./schema.ts";
import { Store, type StoreSettings } from "./store.ts";
import { unsafeSettingError } from "./store-errors.ts";

/** An append may be judged by a reading of the store's clock that is this old, in milliseconds. */
const clockLagMsMax = 5_000;

/** Shorter secrets can be guessed from one signature. */
const secretLengthMin = 16;

/** Checks the options, and fills in what was left out. */
export function settingsOf(options: PostgresWorldOptions): StoreSettings {
  const { url, namespace = "default", schema = "perdure", timeoutMs = 30_000 } = options;
  const { pooled = false, directUrl } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new ConfigError(`The schema ${JSON.stringify(schema)} of the PostgreSQL world is no plain identifier.`, {
      hint: "Use lower-case letters, digits and underscores, beginning with a letter, at most 63 in all.",
    });
  }
  const config: ClientConfig = {
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    fallback_application_name: "perdure",
  };
  const { notifications = true, pollMs = 1_000, maxConnections = 10, maxTransactions = 10 } = options;
  const location = locationOf(config);
  const direct = directUrl === undefined ? null : { ...config, connectionString: directUrl };
  if (direct !== null) locationOf(direct);
  return {
    config,
    location,
    prepares: !pooled,
    listenConfig: direct ?? (pooled ? null : config),
    schema: `"${schema}"`,
    namespace,
    notifications,
    pollMs,
    maxConnections,
    maxTransactions,
    clockLagMsMax,
    migrates: options.migrate ?? true,
    secrets: secretsOf(options.secret),
    retention: retentionOf(options.retention),
  };
}

function secretsOf(secret: PostgresWorldOptions["secret"]): readonly string[] {
  const secrets = secret === undefined ? [] : typeof secret === "string" ? [secret] : secret;
  if (secret === undefined || (secrets.length > 0 && secrets.every((each) => each.length >= secretLengthMin)))
    return secrets;
  throw new ConfigError(
    `A \`secret\` of the PostgreSQL world is missing or shorter than ${secretLengthMin} characters.`,
    {
      hint: "Use 32 random bytes, for instance from `openssl rand -hex 32`, and keep them out of the repository.",
    },
  );
}

/** Where a connection leads, without user and password. */
function locationOf(config: ClientConfig): string {
  const client = clientOrNull(config);
  if (client === null) {
    throw new ConfigError("The URL of the PostgreSQL world is not one that can be read.", {
      hint: "Write postgresql://user:password@host:port/database, and percent-encode special characters in the password.",
    });
  }
  return `postgresql://${client.host}:${client.port}/${client.database ?? ""}`;
}

/** The parser's error is dropped, because it holds the whole URL, password and all. */
function clientOrNull(config: ClientConfig): Client | null {
  try {
    return new Client(config);
  } catch {
    return null;
  }
}

interface HeadRow {
  readonly incarnation: string;
  readonly mark: string | null;
  readonly now: number;
}

/** The connections, with the schema current and the server's settings checked. */
export async function openStore(settings: StoreSettings, allowUnsafeDurability: boolean): Promise<Store> {
  const { schema } = settings;
  const database = new Database(settings);
  try {
    if (!allowUnsafeDurability) await assertDurable(database);
    await prepareSchema(database, settings);
    const named = (key: string): string => `(SELECT value FROM ${schema}.meta WHERE key = '${key}')`;
    const sql = `SELECT ${named("incarnation")} AS incarnation, ${named(restoredKey)} AS mark, ${schema}.store_now() AS now`;
    const [row] = await database.read<HeadRow>(sql, []);
    const store = new Store(settings, database, { incarnation: row?.incarnation ?? "", mark: row?.mark ?? null });
    store.clock.learn(row?.now ?? Number.NaN);
    return store;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function prepareSchema(database: Database, settings: StoreSettings): Promise<void> {
  const state = await schemaState(database, settings.schema);
  const isOutdated = state.version < supported.migrations.length;
  if (isOutdated && settings.migrates) await migrateStore(settings);
  else assertUsable(state, database.location, supported);
}

/** Migrates over connections of its own, whose statements may take as long as they need. */
export async function migrateStore(settings: StoreSettings): Promise<readonly string[]> {
  const { config, schema } = settings;
  const database = new Database({ ...settings, config: { ...config, query_timeout: 0 }, maxConnections: 2 });
  try {
    return await migrate(database, schema);
  } finally {
    await database.close();
  }
}

async function assertDurable(database: Database): Promise<void> {
  const sql = "SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'";
  const [unsafe] = await database.read<{ readonly name: string }>(sql, []);
  if (unsafe !== undefined) throw unsafeSettingError(database.location, unsafe.name);
}
