import { posix } from "node:path";
import type { Finding } from "../finding.ts";

const emptyNames = new Set(["util", "utils", "helper", "helpers", "misc", "common"]);

/** File and folder names that say nothing, and a file and a folder of the same name beside each other. */
export function checkNames(paths: readonly string[]): Finding[] {
  const folders = new Set(paths.flatMap(foldersOf));
  const empty = [...paths, ...folders]
    .filter((path) => emptyNames.has(stemOf(path)))
    .map((file) => finding(file, "file-name", `"${stemOf(file)}" says nothing; name what is inside.`));
  const twins = paths
    .filter((path) => folders.has(posix.join(posix.dirname(path), stemOf(path))))
    .map((file) => finding(file, "same-stem", "A folder beside this file has its name; rename one of them."));
  return [...empty, ...twins];
}

function finding(file: string, rule: string, message: string): Finding {
  return { file, line: 1, rule, message };
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function stemOf(path: string): string {
  return posix.basename(path).replace(/(?<=.)\..*$/, "");
}
