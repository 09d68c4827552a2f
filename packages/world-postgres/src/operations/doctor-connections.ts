/** How this process reaches the server: room for connections, TLS, notifications, and the two clocks. */
import { randomUUID } from "node:crypto";
import type { DoctorFinding } from "@perdure/world";
import { Client } from "pg";
import type { Database } from "../database.ts";
import type { StoreSettings } from "../store.ts";
import { toStoreError } from "../store-errors.ts";
import { finding } from "./finding.ts";

const skewMsMax = 2_000;
const listenTimeoutMs = 2_000;

interface ConnectionRow {
  readonly used: number;
  readonly most: number;
  readonly tls: boolean | null;
  readonly address: string | null;
}

export async function connectionFindings(
  database: Database,
  settings: StoreSettings,
): Promise<readonly DoctorFinding[]> {
  const [row] = await database.read<ConnectionRow>(
    `SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
  current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS most,
  (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls, host(inet_client_addr()) AS address`,
    [],
  );
  if (row === undefined) return [];
  const own = settings.maxConnections + (settings.notifications ? 1 : 0);
  const left = row.most - row.used;
  const isRemote = row.address !== null && row.address !== "127.0.0.1" && row.address !== "::1";
  return [
    finding(
      "connections",
      `a process takes up to ${own}; the server has ${left} of ${row.most} left`,
      own > left ? "problem" : own * 2 > left ? "warning" : null,
      "Count the processes that will run, two generations of them during a deploy. Lower `maxConnections`, raise max_connections, or put a pooler between.",
    ),
    finding(
      "TLS",
      row.tls === true ? "used" : isRemote ? "not used" : "not used, on this machine",
      row.tls !== true && isRemote ? "warning" : null,
      "Payloads and the password's exchange cross the network in clear. Write ?sslmode=verify-full in the URL.",
    ),
  ];
}

/** Half of the round trip is taken off, so a slow network is no skew. */
export async function clockFinding(database: Database): Promise<DoctorFinding> {
  const before = Date.now();
  const [row] = await database.read<{ readonly now: number }>(
    "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now",
    [],
  );
  const skew = Math.round((row?.now ?? Number.NaN) - (before + Date.now()) / 2);
  return finding(
    "clocks",
    `the server's is ${Math.abs(skew)} ms ${skew < 0 ? "behind" : "ahead of"} this machine's`,
    Math.abs(skew) > skewMsMax ? "warning" : null,
    "Perdure goes by the server's. Moments that programs compute, such as sleep(date), are off by the difference: run NTP on both.",
  );
}

/** Whether a notification arrives: a pooler in transaction mode loses it. */
export async function listenFinding({ config, location }: StoreSettings): Promise<DoctorFinding> {
  const heard = await hearsItself(config).catch((error: unknown) => {
    throw toStoreError(error, location, "connecting");
  });
  return finding(
    "LISTEN",
    heard ? "notifications arrive" : "notifications do not arrive",
    heard ? null : "warning",
    "A pooler in transaction mode is between: connect to the server itself, or set `notifications: false`, and processes look for changes every `pollMs`.",
  );
}

async function hearsItself(config: StoreSettings["config"]): Promise<boolean> {
  const [listener, sender] = [new Client(config), new Client(config)];
  const channel = `perdure_doctor_${randomUUID().replaceAll("-", "")}`;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  for (const client of [listener, sender]) client.on("error", () => resolve(false));
  listener.on("notification", () => resolve(true));
  const timer = setTimeout(() => resolve(false), listenTimeoutMs);
  try {
    await listener.connect();
    await listener.query(`LISTEN ${channel}`);
    await sender.connect();
    await sender.query(`NOTIFY ${channel}`);
    return await promise;
  } finally {
    clearTimeout(timer);
    await Promise.allSettled([listener.end(), sender.end()]);
  }
}
