/** PgBouncer in transaction mode before a server, where it is installed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { unprivilegedUser } from "../src/server/unprivileged-user.ts";

/** Why no pooler can be started here; null when one can. */
export const poolerMissing: string | null =
  spawnSync("pgbouncer", ["--version"]).error === undefined ? null : "PgBouncer is not installed";

const port = 6432;

export class Pooler {
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.#directory = directory;
  }

  /** Before the server of this URL, for all of its databases. */
  static async before(target: string): Promise<Pooler> {
    const directory = mkdtempSync(join(tmpdir(), "perdure-pooler-"));
    const { hostname, port: targetPort, username, password, searchParams } = new URL(target);
    const host = searchParams.get("host") ?? hostname;
    const text = (value: string): string => `"${decodeURIComponent(value).replaceAll('"', '""')}"`;
    writeFileSync(join(directory, "users"), `${text(username)} ${text(password)}\n`);
    writeFileSync(
      join(directory, "pgbouncer.ini"),
      `[databases]
* = host=${host} port=${targetPort || 5432}
[pgbouncer]
unix_socket_dir = ${directory}
listen_port = ${port}
auth_type = trust
auth_file = ${join(directory, "users")}
pool_mode = transaction
default_pool_size = 5
max_client_conn = 500
server_reset_query_always = 1
`,
    );
    const runAs = unprivilegedUser();
    if (runAs !== null) {
      for (const file of ["", "users", "pgbouncer.ini"]) chownSync(join(directory, file), runAs.uid, runAs.gid);
    }
    const child = spawn("pgbouncer", ["-q", join(directory, "pgbouncer.ini")], {
      cwd: directory,
      stdio: ["ignore", "ignore", "inherit"],
      ...(runAs ?? {}),
    });
    const pooler = new Pooler(child, directory);
    await pooler.#up();
    return pooler;
  }

  /** The URL of a database of the server, through the pooler. */
  url(direct: string): string {
    const url = new URL(direct);
    url.searchParams.set("host", this.#directory);
    url.port = String(port);
    return url.href;
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #up(): Promise<void> {
    const socket = join(this.#directory, `.s.PGSQL.${port}`);
    while (!(existsSync(socket) && (await isOpen(socket)))) {
      if (this.#child.exitCode !== null) throw new Error("PgBouncer ended before it took connections.");
      await pause(20);
    }
  }
}

function isOpen(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
