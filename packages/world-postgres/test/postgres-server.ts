/**
 * A PostgreSQL server of one's own, with the settings that it has by default: `fsync` is on.
 *
 * It listens on a socket in a temporary folder, and on TCP loopback when it is asked to. It ends with the process that
 * started it, however that ends, and leaves nothing behind. Tests and measurements share it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lchownSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { serverBinaries } from "./server-binaries.ts";

export interface ServerOptions {
  /** More options for the command line of the server. */
  readonly options?: string;
  /**
   * The folder that gets the data, and so the disk; default: the temporary one. The server's user must reach it. Who
   * names it removes it.
   */
  readonly dataFolder?: string;
  /** A free port of TCP loopback; default: the server listens on its socket only. */
  readonly tcpPort?: number;
}

/** Who connects, and how; default: the server's own user, over the socket. */
export interface Access {
  readonly user?: string;
  readonly password?: string;
  readonly over?: "socket" | "tcp";
}

export interface PostgresServer {
  /** The URL of a database of the server. */
  url(database: string, access?: Access): string;
  /** Ends the server as a crash would, and starts it again. */
  crash(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

const user = "perdure";
const password = "the/pass word";
const socketPort = 5432;

/**
 * Starts the server, says so, and stops it when the standard input ends: that is when its parent stops it or dies. For each
 * line of input the server crashes and is started again. The parameters are the folders of the programs, of the socket and
 * of the data, the port, the addresses to listen on, and the server's options.
 */
const script = `
"$1/initdb" -D "$3" -U ${user} -A scram-sha-256 --pwfile="$2/password" -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1 &&
"$1/pg_ctl" -D "$3" -w -l "$2/server.log" -o "-k '$2' -p $4 -c listen_addresses='$5' $6" start >"$2/start.log" 2>&1 &&
echo ready &&
while read -r _; do "$1/pg_ctl" -D "$3" -w -m immediate restart >"$2/start.log" 2>&1 && echo ready; done
"$1/pg_ctl" -D "$3" -m immediate stop >/dev/null 2>&1
if [ -s "$2/start.log" ]; then rm -rf "$2" "$3" 2>/dev/null; fi
`;

/** Starts a server, and resolves when it takes connections. Throws when it does not start, and names its logs. */
export async function startServer({ options = "", dataFolder, tcpPort }: ServerOptions = {}): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-pg-"));
  const data = mkdtempSync(join(dataFolder ?? directory, "data-"));
  const runAs = unprivilegedUser();
  writeFileSync(join(directory, "password"), password);
  const binaries = serverBinaries(directory);
  if (runAs !== null) {
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" });
    const paths = ["", ...files].map((file) => join(directory, file));
    for (const path of [...paths, data]) lchownSync(path, runAs.uid, runAs.gid);
  }
  const port = tcpPort ?? socketPort;
  const addresses = tcpPort === undefined ? "" : "127.0.0.1";
  // In a session of its own, so that an interrupt from the terminal reaches its parent only.
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
  await isReady();
  return {
    url: (database, access = {}) => {
      const authority = `${access.user ?? user}:${encodeURIComponent(access.password ?? password)}`;
      return access.over === "tcp"
        ? `postgresql://${authority}@127.0.0.1:${port}/${database}`
        : `postgresql://${authority}@localhost:${port}/${database}?host=${encodeURIComponent(directory)}`;
    },
    async crash() {
      child.stdin.write("crash\n");
      await isReady();
    },
    async stop() {
      child.stdin.end();
      await closed;
    },
  };
}

/** PostgreSQL refuses to be run by root: then a user that owns nothing runs it. */
function unprivilegedUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  const [, , uid, gid] = users.find((line) => line.startsWith("nobody:"))?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error("There is no user `nobody` to run the server.");
  return { uid: Number(uid), gid: Number(gid) };
}
