/** What an experiment happens on: a server with an empty database, worker processes, and clients whose runs never stop coming. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerOptions } from "@perdure/core";
import type { World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import { CuttingProxy, startServer, type TestServer, withClient } from "@perdure/world-postgres/testing";
import { Chance } from "perdure-sim/chance";
import { Ledger } from "../crash/ledger.ts";
import { ledgerPath } from "./assignment.ts";
import { Books } from "./books.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";
import { type ChaosProgram, makePrograms } from "./programs.ts";
import { registerPrograms } from "./register-programs.ts";
import { traitsOf } from "./step-traits.ts";
import { StreamReaders } from "./stream-readers.ts";
import { Traffic } from "./traffic.ts";
import { Workforce } from "./workforce.ts";

export interface SceneOptions {
  readonly seed: number;
  readonly workers: number;
  readonly settings: WorkerOptions;
}

export interface Scene {
  readonly folder: string;
  /** Null for a server of somebody else, which is left running. */
  readonly server: TestServer | null;
  readonly proxy: CuttingProxy;
  readonly books: Books;
  /** That of the clients, through the proxy. */
  readonly world: World;
  readonly programs: readonly ChaosProgram[];
  readonly workforce: Workforce;
  readonly traffic: Traffic;
  readonly readers: StreamReaders;
}

const programCount = 12;
const database = "perdure_chaos";

/**
 * Sets the scene, lets the experiment happen, and removes everything. When that comes to a broken promise, or fails, what
 * there is to look at is kept; `onKept` is told where.
 */
export async function onScene<T extends { readonly broken: readonly string[] }>(
  options: SceneOptions,
  act: (scene: Scene) => Promise<T>,
  onKept: (where: string) => void,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-chaos-"));
  const base = process.env["PERDURE_TEST_POSTGRES_URL"];
  const server = base === undefined ? await startServer("") : null;
  const urlOf = (name: string): string => server?.url(name) ?? withDatabase(base ?? "", name);
  let isBroken = true;
  try {
    await withClient(urlOf("postgres"), async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database}`);
    });
    const outcome = await actOn(urlOf(database), { server, folder }, options, act);
    isBroken = outcome.broken.length > 0;
    return outcome;
  } finally {
    if (isBroken) onKept(`${folder}; ${server?.keep() ?? `database ${database}`}`);
    await server?.stop([], []);
    if (!isBroken) rmSync(folder, { recursive: true });
  }
}

function withDatabase(base: string, name: string): string {
  const url = new URL(base);
  url.pathname = `/${name}`;
  return url.href;
}

async function actOn<T>(
  url: string,
  { server, folder }: Pick<Scene, "server" | "folder">,
  { seed, workers, settings }: SceneOptions,
  act: (scene: Scene) => Promise<T>,
): Promise<T> {
  const programs = await makePrograms(folder, seed, programCount);
  const modules = programs.map(({ module }) => module);
  registerPrograms(modules, () => Promise.reject(new Error("A client runs no step.")), traitsOf);
  const proxy = await CuttingProxy.to(url);
  const books = new Books(url);
  const world = await createPostgresWorld({ url: proxy.url, timeoutMs: 5_000 });
  const workforce = new Workforce({ folder, url: proxy.url, settings }, workers);
  const readers = new StreamReaders(world.streams, Chance.of(seed, "readers"));
  const ledger = new Ledger<UnsignedChaosEntry>(ledgerPath(folder));
  const traffic = new Traffic({ seed, world, books, workforce, programs, readers, ledger });
  try {
    return await act({ folder, server, proxy, books, world, programs, workforce, traffic, readers });
  } finally {
    await workforce.dismiss();
    await world.close();
    await books.close();
    await proxy.close();
  }
}
