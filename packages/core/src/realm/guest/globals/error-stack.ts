/**
 * Stacks in workflow code show the program's own frames only. Frames of the host and of the guest depend on who called, so
 * without them a stack is the same on every replay, and no path of the host shows.
 */

/** Frames that are kept of one stack. */
const framesMax = 10;
/** Frames that V8 collects: enough to find `framesMax` of the program below those of the host. */
const collectedMax = 100;

interface CallSite {
  getFileName(): string | null | undefined;
  toString(): string;
}

export function installErrorStack(): void {
  Object.defineProperty(Error, "stackTraceLimit", {
    value: collectedMax,
    writable: false,
    enumerable: true,
    configurable: false,
  });
  // Node asks the realm's `Error.prepareStackTrace` how to write a stack. The program must not get hold of call sites, so
  // what it assigns is ignored.
  Object.defineProperty(Error, "prepareStackTrace", {
    get: () => formatStack,
    set: ignoreAssignment,
    enumerable: false,
    configurable: false,
  });
}

function ignoreAssignment(): void {
  // Libraries assign it to read call sites; they go on with the text.
}

function formatStack(error: unknown, sites: readonly CallSite[]): string {
  const lines = [headOf(error)];
  for (const site of sites) {
    if (lines.length > framesMax) break;
    if (isOfBundle(site.getFileName())) lines.push(`    at ${site.toString()}`);
  }
  return lines.join("\n");
}

const isOfBundle = (file: unknown): boolean => typeof file === "string" && file.startsWith("bndl_");

function headOf(error: unknown): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}
