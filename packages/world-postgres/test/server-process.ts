/**
 * A PostgreSQL server with `fsync` on.
 *
 * `PERDURE_TEST_POSTGRES_URL` names a server that runs already, and a user that may create databases. Otherwise one is
 * started, on a socket in a temporary folder, and ends with the process that started it, however that ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lchownSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { serverBinaries } from "./server-binaries.ts";

export interface TestServer {
  /** The URL of a database of the server; `user` and `password` other than the server's own are for failures. */
  url(database: string, as?: { readonly user?: string; readonly password?: string }): string;
  /** Ends the server as a crash would, and starts it again. */
  crash(): Promise<void>;
  /** Its folder stays when it stops; the answer is the command that starts it again. */
  keep(): string;
  /** Leaves nothing behind of these databases and users. */
  stop(databases: readonly string[], users: readonly string[]): Promise<void>;
}

const user = "perdure";
const password = "the/pass word";

/**
 * Starts the server, says so, and stops it when the standard input ends: that is when its parent stops it or dies. For each
 * line of input the server crashes and is started again. The parameters are the folders of the programs and of the server, and the server's options.
 */
const script = `
"$1/initdb" -D "$2/data" -U ${user} -A scram-sha-256 --pwfile="$2/password" -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1 &&
"$1/pg_ctl" -D "$2/data" -w -l "$2/server.log" -o "-k '$2' -p 5432 -c listen_addresses='' $3" start >"$2/start.log" 2>&1 &&
echo ready &&
while read -r _; do "$1/pg_ctl" -D "$2/data" -w -m immediate restart >"$2/start.log" 2>&1 && echo ready; done
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1
if [ -s "$2/start.log" ] && [ ! -e "$2/keep" ]; then rm -rf "$2"; fi
`;

export async function startServer(options: string): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-pg-"));
  const runAs = unprivilegedUser();
  writeFileSync(join(directory, "password"), password);
  const binaries = serverBinaries(directory);
  if (runAs !== null) {
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
    for (const file of ["", ...files]) lchownSync(join(directory, file), runAs.uid, runAs.gid);
  }
  // In a session of its own, so that an interrupt from the terminal reaches the tests only.
  const child = spawn("sh", ["-c", script, "sh", binaries, directory, options], {
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
  await isReady();
  return {
    url: (database, as = {}) => {
      const authority = `${as.user ?? user}:${encodeURIComponent(as.password ?? password)}@localhost`;
      return `postgresql://${authority}/${database}?host=${encodeURIComponent(directory)}`;
    },
    async crash() {
      child.stdin.write("crash\n");
      await isReady();
    },
    keep() {
      writeFileSync(join(directory, "keep"), "");
      return `${binaries}/pg_ctl -D ${directory}/data -o "-k ${directory} -c listen_addresses=''" start`;
    },
    async stop() {
      child.stdin.end();
      await closed;
    },
  };
}

/** PostgreSQL refuses to be run by root: then a user that owns nothing runs it. */
export function unprivilegedUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  const [, , uid, gid] = users.find((line) => line.startsWith("nobody:"))?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error("There is no user `nobody` to run the server.");
  return { uid: Number(uid), gid: Number(gid) };
}

export function runningServer(base: string): TestServer {
  return {
    url(database, as = {}) {
      const url = new URL(base);
      url.pathname = `/${database}`;
      if (as.user !== undefined) url.username = as.user;
      if (as.password !== undefined) url.password = as.password;
      return url.href;
    },
    crash: async () => {
      throw new Error("A server of somebody else is left alone.");
    },
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
