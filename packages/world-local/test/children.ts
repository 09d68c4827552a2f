/** Child processes of the tests: each is a TypeScript file beside this one, run from the sources. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Child {
  readonly process: ChildProcess;
  /** The child's next line of output as JSON; rejects when the child ended without one. */
  line(): Promise<unknown>;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

export interface ChildOptions {
  /** Blocks that a file of the child may grow to, of 512 or 1,024 bytes as the shell counts them; default: no limit. */
  readonly fileBlocks?: number;
}

/** Starts `name`.ts with these arguments. */
export function startChild(name: string, args: readonly string[], options: ChildOptions = {}): Child {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const node = [process.execPath, "--conditions=@perdure/source", script, ...args];
  // The limit's signal is ignored, so that the write fails instead.
  const limited = ["sh", "-c", `trap '' XFSZ; ulimit -f ${options.fileBlocks}; exec "$@"`, "sh", ...node];
  const [command = "", ...rest] = options.fileBlocks === undefined ? node : limited;
  const child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env["PATH"] } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<number | string | null>((resolve) => {
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  return {
    process: child,
    ended,
    async line() {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${name} ended with ${String(await ended)} before its line`);
      return JSON.parse(next.value);
    },
  };
}
