/** Which programs of a PostgreSQL server the tests use: installed on this machine, or in a package of npm. */
import { installedFolders, packagedFolder } from "../src/server/program-folders.ts";

/**
 * The folder with `initdb`, `pg_ctl` and `postgres`. `PERDURE_TEST_POSTGRES` chooses: `local` or `embedded`; unset, the
 * local one if there is one. The embedded one is copied to `directory`, which the user that runs the server can also reach
 * where a checkout is private to root.
 */
export function serverBinaries(directory: string): string {
  const choice = process.env["PERDURE_TEST_POSTGRES"];
  const local = choice === "embedded" ? null : localBinaries();
  if (local !== null) return local;
  if (choice === "local") throw new Error("There is no local PostgreSQL: neither in PATH nor where it usually is.");
  const packaged = packagedFolder(import.meta.dirname, directory, true);
  if (packaged === null) throw new Error("There is no PostgreSQL: install one, or the packages of this repository.");
  return packaged;
}

/** The folder of the PostgreSQL that is installed; null when none is. */
export const localBinaries = (): string | null => installedFolders()[0] ?? null;
