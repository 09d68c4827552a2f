import type { Package } from "@arethetypeswrong/core";
import type { Finding } from "../finding.ts";
import type { Tarball } from "./tarballs.ts";

/** Files that only this repository needs. */
const unwanted = /(\.(test|testing)\.[cm]?[jt]s(\.map)?|\.tsbuildinfo)$|(^|\/)fixtures\//;

/** The findings about which files a user gets: none that are of no use to them, and every source that a map speaks of. */
export function checkContents({ owner, paths }: Tarball, files: Package): Finding[] {
  const file = `${owner.folder}/package.json`;
  const report = (rule: string, message: string): Finding => ({ file, line: 1, rule, message });
  const needless = paths.filter((path) => unwanted.test(path));
  const prefix = `/node_modules/${owner.manifest.name}/`;
  const lost = paths
    .filter((path) => path.endsWith(".map"))
    .filter((path) => sourcesOf(path, files.readFile(prefix + path)).some((source) => !paths.includes(source)));
  const sample = lost.slice(0, 3).join(", ");
  return [
    ...needless.map((path) => report("needless-file", `${path} would be published; leave it out by "files".`)),
    ...(lost.length === 0
      ? []
      : [report("lost-source", `The sources of ${lost.length} maps would not be published: ${sample}.`)]),
  ];
}

/** The sources that a map names, as paths from the package's folder. */
function sourcesOf(path: string, text: string): string[] {
  const { sources } = JSON.parse(text) as { sources: string[] };
  return sources.map((source) => new URL(source, `file:///${path}`).pathname.slice(1));
}
