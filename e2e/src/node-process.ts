/** A Node program of this package as a process of its own: messages both ways, complaints on its standard error. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

const packageFolder = resolve(import.meta.dirname, "..");

export function spawnNode(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const { NODE_OPTIONS: _options, PERDURE_WORKER: _worker, ...inherited } = process.env;
  return spawn(process.execPath, args, {
    cwd: packageFolder,
    env: { ...inherited, NO_COLOR: "1", ...environment },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}
