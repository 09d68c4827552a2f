/** What the server says of itself: whether it keeps what it acknowledges, takes writes, and cleans up. */
import type { DoctorFinding } from "@perdure/world";
import type { Database } from "../database.ts";
import { finding } from "./finding.ts";

const oldestServer = 13;

/** A transaction that is older than this, in seconds, keeps dead rows from being removed for too long. */
const transactionAgeMax = 300;

interface ServerRow {
  readonly version: string;
  readonly version_num: number;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly full_page_writes: string;
  readonly standbys: string;
  readonly in_recovery: boolean;
  readonly read_only: string;
  readonly autovacuum: string;
  readonly statement_timeout_ms: number;
}

const settings = `SELECT current_setting('server_version') AS version,
  current_setting('server_version_num')::integer AS version_num, current_setting('fsync') AS fsync,
  current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('full_page_writes') AS full_page_writes,
  current_setting('synchronous_standby_names') AS standbys, pg_is_in_recovery() AS in_recovery,
  current_setting('default_transaction_read_only') AS read_only, current_setting('autovacuum') AS autovacuum,
  (SELECT setting::integer FROM pg_settings WHERE name = 'statement_timeout') AS statement_timeout_ms`;

export async function serverFindings(database: Database): Promise<readonly DoctorFinding[]> {
  const [server] = await database.read<ServerRow>(settings, []);
  if (server === undefined) return [];
  return [...durabilityFindings(server), ...useFindings(server), await cleanUpFinding(database)];
}

function durabilityFindings(server: ServerRow): readonly DoctorFinding[] {
  const { fsync, synchronous_commit, full_page_writes, standbys } = server;
  const isLocalOnly = standbys !== "" && (synchronous_commit === "local" || synchronous_commit === "remote_write");
  const commitLevel = synchronous_commit === "off" ? "problem" : isLocalOnly ? "warning" : null;
  return [
    finding(
      "fsync",
      fsync,
      fsync === "off" ? "problem" : null,
      "A crash of the server loses or damages what was acknowledged. Turn it on, unless the storage of a hosted server does without.",
    ),
    finding(
      "synchronous_commit",
      synchronous_commit,
      commitLevel,
      "Acknowledged commits can be lost, by a crash (off) or by a failover (local, remote_write). Set it to on.",
    ),
    finding(
      "full_page_writes",
      full_page_writes,
      full_page_writes === "off" ? "problem" : null,
      "A crash can leave torn pages. Turn it on, unless the file system never writes a part of a page.",
    ),
  ];
}

function useFindings(server: ServerRow): readonly DoctorFinding[] {
  const { version, version_num, in_recovery, read_only, autovacuum, statement_timeout_ms } = server;
  const isOld = version_num < oldestServer * 10_000;
  const mode = in_recovery ? "standby" : read_only === "on" ? "read-only by default" : "takes writes";
  const isShort = statement_timeout_ms > 0 && statement_timeout_ms < 5_000;
  return [
    finding("server version", version, isOld ? "problem" : null, `Upgrade to PostgreSQL ${oldestServer} or newer.`),
    finding(
      "writes",
      mode,
      mode === "takes writes" ? null : "problem",
      "Connect to the primary, and take default_transaction_read_only off the server, the database and the user.",
    ),
    finding(
      "autovacuum",
      autovacuum,
      autovacuum === "off" ? "problem" : null,
      "Every step changes a run's row; without clean-up the tables grow without bound. Turn it on.",
    ),
    finding(
      "statement_timeout",
      statement_timeout_ms === 0 ? "none" : `${statement_timeout_ms} ms`,
      isShort ? "warning" : null,
      "A busy server may cancel Perdure's statements. Raise it for this user: ALTER ROLE … SET statement_timeout.",
    ),
  ];
}

/** Whatever keeps the server from removing dead rows: old transactions, prepared ones, and slots of replicas. */
async function cleanUpFinding(database: Database): Promise<DoctorFinding> {
  const [row] = await database.read<{ readonly seconds: number; readonly what: string } | { readonly what: null }>(
    `SELECT floor(seconds)::integer AS seconds, what FROM (
  SELECT extract(epoch FROM clock_timestamp() - xact_start) AS seconds, 'transaction of process ' || pid AS what
  FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
  UNION ALL
  SELECT extract(epoch FROM clock_timestamp() - prepared), 'prepared transaction ' || gid FROM pg_prepared_xacts
) AS holders WHERE seconds > ${transactionAgeMax} ORDER BY seconds DESC LIMIT 1`,
    [],
  );
  const held = row === undefined || row.what === null ? null : `a ${row.what}, ${row.seconds} s old`;
  return finding(
    "old transactions",
    held ?? "none",
    held === null ? null : "warning",
    "It keeps dead rows from being removed, and bundles from being collected: end it.",
  );
}
