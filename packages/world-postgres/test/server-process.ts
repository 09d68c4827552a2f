/**
 * A PostgreSQL server with `fsync` on.
 *
 * `PERDURE_TEST_POSTGRES_URL` names a server that runs already, and a user that may create databases. Otherwise one is
 * started, on a socket in a temporary folder, and ends with the process that started it, however that ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lchownSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { freePort } from "../src/server/project-server.ts";
import { unprivilegedUser } from "../src/server/unprivileged-user.ts";
import { serverBinaries } from "./server-binaries.ts";

/** Where a server has its data, and where it listens, when that matters. */
export interface ServerPlace {
  /**
   * The folder that gets the data, and so the disk; default: the temporary one. The server's user must reach it. Who
   * names it removes it.
   */
  readonly dataFolder?: string;
  /** Whether it listens on TCP loopback too; default: on its socket only. */
  readonly tcp?: boolean;
}

/** Who connects, and how; default: the server's own user, over its socket. */
export interface Access {
  readonly user?: string;
  readonly password?: string;
  readonly over?: "socket" | "tcp";
}

export interface TestServer {
  /** The URL of a database of the server; `user` and `password` other than the server's own are for failures. */
  url(database: string, access?: Access): string;
  /** Ends the server as a crash would, and starts it again. */
  crash(): Promise<void>;
  /** Copies the data of the server, which is stopped for it. */
  backUp(): Promise<void>;
  /** Starts the server anew on the data of the last {@link backUp}. */
  putBack(): Promise<void>;
  /** Its folder stays when it stops; the answer is the command that starts it again. */
  keep(): string;
  /** Leaves nothing behind of these databases and users. */
  stop(databases: readonly string[], users: readonly string[]): Promise<void>;
}

const user = "perdure";
const password = "the/pass word";
const socketPort = 5432;
const loopback = "127.0.0.1";

/**
 * Starts the server, says so, and stops it when the standard input ends: that is when its parent stops it or dies. For each
 * line of input the server is started again: after a crash, after a copy of its data was made, or on that copy. The parameters are the folders of the programs, of the server and
 * of its data, the port, the addresses to listen on, and the server's options.
 */
const script = `
"$1/initdb" -D "$3" -U ${user} -A scram-sha-256 --pwfile="$2/password" -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1 &&
"$1/pg_ctl" -D "$3" -w -l "$2/server.log" -o "-k '$2' -p $4 -c listen_addresses='$5' $6" start >"$2/start.log" 2>&1 &&
echo ready &&
while read -r order; do
  "$1/pg_ctl" -D "$3" -w -m immediate stop >"$2/start.log" 2>&1
  case "$order" in
    "back up") rm -rf "$2/backup" && cp -R "$3" "$2/backup" && chmod 700 "$2/backup" ;;
    "put back") find "$3" -mindepth 1 -delete && cp -R "$2/backup/." "$3" ;;
  esac &&
  "$1/pg_ctl" -D "$3" -w -l "$2/server.log" -o "-k '$2' -p $4 -c listen_addresses='$5' $6" start >"$2/start.log" 2>&1 &&
  echo ready
done
"$1/pg_ctl" -D "$3" -m immediate stop >/dev/null 2>&1
if [ -s "$2/start.log" ] && [ ! -e "$2/keep" ]; then rm -rf "$2" "$3" 2>/dev/null; fi
`;

export async function startServer(options: string, place: ServerPlace = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-pg-"));
  const data = mkdtempSync(join(place.dataFolder ?? directory, "data-"));
  const runAs = unprivilegedUser();
  writeFileSync(join(directory, "password"), password);
  const binaries = serverBinaries(directory);
  if (runAs !== null) {
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
    const paths = ["", ...files].map((file) => join(directory, file));
    for (const path of [...paths, data]) lchownSync(path, runAs.uid, runAs.gid);
  }
  const port = place.tcp === true ? await freePort() : socketPort;
  const addresses = place.tcp === true ? loopback : "";
  // In a session of its own, so that an interrupt from the terminal reaches the tests only.
  const child = spawn("sh", ["-c", script, "sh", binaries, directory, data, String(port), addresses, options], {
    cwd: directory,
    detached: true,
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    stdio: ["pipe", "pipe", "inherit"],
    ...(runAs ?? {}),
  });
  const closed = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const isReady = async (): Promise<void> => {
    const line = await lines.next();
    if (line.value !== "ready") throw new Error(`The server did not start; see the logs in ${directory}.`);
  };
  const startedAgain = async (order: string): Promise<void> => {
    child.stdin.write(`${order}\n`);
    await isReady();
  };
  await isReady();
  return {
    url: (database, access = {}) => {
      const authority = `${access.user ?? user}:${encodeURIComponent(access.password ?? password)}`;
      return access.over === "tcp"
        ? `postgresql://${authority}@${loopback}:${port}/${database}`
        : `postgresql://${authority}@localhost:${port}/${database}?host=${encodeURIComponent(directory)}`;
    },
    crash: () => startedAgain("crash"),
    backUp: () => startedAgain("back up"),
    putBack: () => startedAgain("put back"),
    keep() {
      writeFileSync(join(directory, "keep"), "");
      return `${binaries}/pg_ctl -D ${data} -o "-k ${directory} -p ${port} -c listen_addresses='${addresses}'" start`;
    },
    async stop() {
      child.stdin.end();
      await closed;
    },
  };
}

async function leftAlone(): Promise<void> {
  throw new Error("A server of somebody else is left alone.");
}

export function runningServer(base: string): TestServer {
  return {
    url(database, access = {}) {
      const url = new URL(base);
      url.pathname = `/${database}`;
      if (access.user !== undefined) url.username = access.user;
      if (access.password !== undefined) url.password = access.password;
      return url.href;
    },
    crash: leftAlone,
    backUp: leftAlone,
    putBack: leftAlone,
    keep: () => "",
    async stop(databases, users) {
      await withClient(this.url("postgres"), async (client) => {
        for (const name of databases) await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
        for (const name of users) await client.query(`DROP ROLE IF EXISTS "${name}"`);
      });
    },
  };
}

/** Something done on a connection of its own. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
