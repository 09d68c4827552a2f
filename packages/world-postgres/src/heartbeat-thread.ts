/**
 * Beats from a thread of their own, so that a step which blocks the event loop does not lose its worker's runs.
 *
 * The source is text and not a file, because bundlers lose files that nothing imports. It needs nothing but `pg`, which
 * the thread loads from where this module would. It has a connection of its own, and whatever goes wrong with a beat ends
 * that connection: the next beat makes another one. So a network that swallows packets costs no more than a timeout.
 */
import { createRequire } from "node:module";
import { WorkerSetupError } from "@perdure/errors";
import type { WorkerInfo } from "@perdure/world";
import type { ClientConfig } from "pg";
import type { Values } from "./database.ts";

export interface HeartbeatThreadData {
  /** The file that `require("pg")` means. */
  readonly driver: string;
  readonly config: ClientConfig;
  /** The statement that beats, for one worker. */
  readonly text: string;
  readonly values: Values;
  /** The mark of a restored store, and the count of beats that was acknowledged last: see `restoration.ts`. */
  readonly mark: string | null;
  readonly beats: Int32Array;
  /** Host, port and database, for people. */
  readonly location: string;
}

/** A connection, and a beat on it, may each take this share of the lease: a later beat would be of no use. */
const timeoutShare = 0.5;

/**
 * What the thread is told. Throws `WorkerSetupError` when `pg` is not a module of its own beside this one, as when both
 * were bundled into one file.
 */
export function heartbeatThreadData(
  { leaseMs }: WorkerInfo,
  { config, ...beat }: Omit<HeartbeatThreadData, "driver">,
): HeartbeatThreadData {
  const timeoutMs = Math.max(1, Math.floor(leaseMs * timeoutShare));
  const timeouts = { connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs };
  return { driver: driverFile(import.meta.url), config: { ...config, ...timeouts }, ...beat };
}

/** The file of `pg` for a module. A bundle may know no place of its own. */
export function driverFile(moduleUrl: string | undefined): string {
  try {
    return createRequire(moduleUrl ?? "").resolve("pg");
  } catch (cause) {
    throw new WorkerSetupError(
      "The thread that sends this worker's heartbeats cannot load `pg`; the event loop sends them.",
      {
        cause,
        hint: "Keep `pg` out of the bundle, as an external dependency.",
      },
    );
  }
}

/** CommonJS. Only one beat is asked for at a time. */
export const heartbeatSource = `"use strict";
module.exports = (data) => {
  const { Client } = require(data.driver);
  class Refused extends Error {
    code = "STORE_RESTORED";
  }
  let current = null;

  async function connected() {
    if (current !== null) return current;
    const client = new Client(data.config);
    client.on("error", () => {
      if (current === client) current = null;
    });
    current = client;
    await client.connect();
    return client;
  }

  async function leave() {
    const client = current;
    current = null;
    await client?.end();
  }

  return {
    async beat() {
      try {
        const client = await connected();
        const acknowledged = Atomics.load(data.beats, 0);
        const { rows } = await client.query(data.text, [...data.values, acknowledged, data.mark]);
        if (rows.length === 0) throw new Refused("A heartbeat was refused.");
        const beats = Number(rows[0].beats);
        if (beats > Atomics.load(data.beats, 0)) Atomics.store(data.beats, 0, beats);
      } catch (error) {
        if (error instanceof Refused) throw error;
        leave().catch(() => {});
        throw new Error(\`A heartbeat did not reach \${data.location} (\${error.code ?? error.message}).\`, { cause: error });
      }
    },
    close: leave,
  };
};
`;
