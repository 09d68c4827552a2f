/**
 * The worlds that have a name: `perdure dev --world postgres`, `perdure runs list --world local`, `PERDURE_WORLD`. A name wins over
 * what the configuration says of the world, because who names one has chosen it for this one process.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { WorldName } from "@perdure/cli";
import { ConfigError } from "@perdure/errors";
import type { StoreOperations, World } from "@perdure/world";
import type { WorldFactory } from "./configuration.ts";
import { postgresUrlVariable } from "./environment.ts";

/** Where a named world is looked for, and what of the configuration holds for it too. */
export interface WorldSite {
  readonly root: string;
  readonly namespace: string | undefined;
}

interface PostgresFactory extends WorldFactory {
  readonly operations: StoreOperations;
}

/** What is used of `@perdure/world-postgres`, which the project installs. */
interface PostgresModule {
  postgresWorld(options: { readonly url: string; readonly namespace?: string }): PostgresFactory;
}

/** What is used of `@perdure/world-postgres/server`. */
interface ServerModule {
  openProjectServer(place: { readonly folder: string; readonly project: string }): Promise<ProjectServer>;
  projectServerUrl(folder: string): string | null;
}

/** The PostgreSQL server of a project, while this process uses it. */
export interface ProjectServer {
  readonly url: string;
  readonly version: string;
  readonly lost: Promise<void>;
  close(): Promise<boolean>;
}

/** Where the PostgreSQL server of a project has its data. */
export const postgresFolder = (root: string): string => join(root, ".perdure", "postgres");

/** The world of that name; it is opened when it is called. */
export async function namedWorld(name: WorldName, site: WorldSite): Promise<WorldFactory> {
  if (name === "local") return () => openLocalWorld(site);
  const url = postgresUrlVariable() ?? (await serverUrl(site.root));
  return await postgresWorldAt(url, site);
}

/** SQLite in `.perdure/perdure.db`. */
export async function openLocalWorld({ root, namespace }: WorldSite): Promise<World> {
  const { createLocalWorld } = await import("@perdure/world-local");
  const path = join(root, ".perdure", "perdure.db");
  return await createLocalWorld(namespace === undefined ? { path } : { path, namespace });
}

/** A world in that database, by the package that the project has installed. */
export async function postgresWorldAt(url: string, { root, namespace }: WorldSite): Promise<PostgresFactory> {
  const { postgresWorld } = (await importFrom(root, "@perdure/world-postgres")) as PostgresModule;
  return postgresWorld(namespace === undefined ? { url } : { url, namespace });
}

/** Starts the PostgreSQL server of the project, or finds it running. The first time takes a while, and is announced. */
export async function openProjectServer(root: string, say: (text: string) => void): Promise<ProjectServer> {
  const { openProjectServer: open } = await importServer(root);
  const folder = postgresFolder(root);
  if (!existsSync(folder)) say(`a PostgreSQL server for this project is made in ${relative(process.cwd(), folder)}`);
  return await open({ folder, project: root });
}

async function serverUrl(root: string): Promise<string> {
  const { projectServerUrl } = await importServer(root);
  const url = projectServerUrl(postgresFolder(root));
  if (url !== null) return url;
  throw new ConfigError("The PostgreSQL server of this project does not run.", {
    hint: "Type `npx perdure dev --world postgres`, or name a server that runs already with PERDURE_POSTGRES_URL.",
  });
}

const importServer = async (root: string): Promise<ServerModule> =>
  (await importFrom(root, "@perdure/world-postgres/server")) as ServerModule;

/** A module of a package that the project has installed, and this one has not. */
async function importFrom(root: string, specifier: string): Promise<unknown> {
  const path = resolveFrom(root, specifier);
  if (path !== null) return await import(pathToFileURL(path).href);
  throw new ConfigError('The world "postgres" needs a package that this project does not have.', {
    hint: "Type `npm install @perdure/world-postgres`.",
  });
}

function resolveFrom(root: string, specifier: string): string | null {
  try {
    return createRequire(join(root, "package.json")).resolve(specifier);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}
