/**
 * The program's end of `perdure dev`: tells the parent which files the program is made of, and ends with the parent.
 *
 * A file is reported as the loader meets it, before it is compiled, so that one which does not compile is watched as well. Files that
 * only workflow code imports are reported when its bundle is built.
 */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { isUserFile } from "../loader/source-file.ts";
import { takeDevMark } from "../project/environment.ts";

/** A file that the program is made of, and what it was like when it was read. */
export interface FileReport {
  readonly perdureFile: string;
  readonly version: string;
}

let send: ((report: FileReport) => void) | null = null;

/** Begins to report, when `perdure dev` has started this process. */
export function reportFilesToParent(): void {
  const { channel } = process;
  if (!takeDevMark() || process.send === undefined || channel === undefined) return;
  const sendToParent = process.send.bind(process);
  // A parent that is gone hears nothing more, and needs not to.
  send = (report) => process.connected && sendToParent(report, undefined, undefined, () => undefined);
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  // A listener holds the process for the sake of the channel; this one must not.
  channel.unref();
}

/** Tells the parent, if there is one, about a file of the user's own. */
export function reportFile(path: string): void {
  if (send !== null && isUserFile(path)) send({ perdureFile: path, version: fileVersion(path) });
}

/** Tells the parent where the file may appear that an import has asked for in vain. */
export function reportMissing(paths: readonly string[]): void {
  for (const path of paths) if (existsSync(dirname(path))) reportFile(path);
}

/** Changes whenever the file is written, replaced, removed or made. */
export function fileVersion(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? "absent" : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
