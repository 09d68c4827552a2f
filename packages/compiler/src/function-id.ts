/**
 * The stable names of workflows and steps: `step//./src/orders//charge`, or `step//charge` with an explicit name.
 *
 * Ids go into event logs, so they must not depend on the machine: no absolute path, forward slashes, no extension, and
 * one Unicode normal form (NFC), because file systems differ in the form they return.
 */

import { relative, sep } from "node:path";
import { moduleExtension } from "./contract.ts";

/** What a directive makes of a function. */
export type FunctionKind = "workflow" | "step";

/** The file's path from the project root, with forward slashes, in NFC. A file outside of the root starts with `../`. */
export function relativePath(file: string, root: string): string {
  return relative(root, file).split(sep).join("/").normalize("NFC");
}

/** The id of a function that has no explicit name, from its file's path from the root. */
export function functionId(kind: FunctionKind, path: string, name: string): string {
  const module = path.replace(moduleExtension, "");
  return `${kind}//${module.startsWith("../") ? module : `./${module}`}//${name.normalize("NFC")}`;
}

/** The id of a function with an explicit name; it stays the same when the function is renamed or moved. */
export function explicitId(kind: FunctionKind, name: string): string {
  return `${kind}//${name}`;
}

/** Whether an explicit name can be part of an id: not empty, no control characters, no `//`, no space at the ends. */
export function isExplicitName(name: string): boolean {
  return name !== "" && name === name.trim() && !name.includes("//") && !/\p{Cc}/u.test(name);
}
