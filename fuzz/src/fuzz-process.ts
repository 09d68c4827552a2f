/** Runs a range of executions in a process of its own, so that one that hangs or takes all memory ends only that. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReaderMessage, ReaderOrder } from "./process-messages.ts";

/** How a process ended: with its range, in one execution, or because it was told to. */
export type ReaderEnd =
  | { readonly kind: "done" }
  | { readonly kind: "hang" | "memory" | "stopped"; readonly index: number }
  | { readonly kind: "broken"; readonly index: number; readonly output: string };

// Inputs have 1 MiB at most, and ten times as much is theirs; the rest is for Node, the realm and the inputs' making.
const heapMb = 128;
const watchMs = 250;
/** For Node, the modules and the warming up. */
const startMs = 120_000;
const notStarted = -1;
const shownOutput = 2_000;

/** Runs the range; `hangMs` is the time that one execution may take. It ends early when `onMessage` says "stop". */
export async function runReader(
  order: Omit<ReaderOrder, "indexFile">,
  hangMs: number,
  onMessage: (message: ReaderMessage) => "go on" | "stop",
): Promise<ReaderEnd> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-fuzz-"));
  const current = new CurrentIndex(join(folder, "index"));
  try {
    return await runChild({ ...order, indexFile: current.file }, current, hangMs, onMessage);
  } finally {
    current.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runChild(
  order: ReaderOrder,
  current: CurrentIndex,
  hangMs: number,
  onMessage: (message: ReaderMessage) => "go on" | "stop",
): Promise<ReaderEnd> {
  const child = fork(join(import.meta.dirname, "reader-process.ts"), [JSON.stringify(order)], {
    execArgv: ["--conditions=@perdure/source", `--max-old-space-size=${heapMb}`, "--no-warnings"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let early: "hang" | "stopped" | undefined;
  const end = (kind: "hang" | "stopped"): void => {
    early ??= kind;
    child.kill("SIGKILL");
  };
  const watchdog = watchFor(current, hangMs, () => end("hang"));
  const output = tailOf(child);
  child.on("message", (message) => {
    if (early === undefined && onMessage(message as ReaderMessage) === "stop") end("stopped");
  });
  const [[code, signal]] = await Promise.all([once(child, "close"), once(child, "disconnect")]);
  clearInterval(watchdog);
  if (early !== undefined) return { kind: early, index: Math.max(order.from, current.read()) };
  if (code === 0) return { kind: "done" };
  const isAbort = signal === "SIGABRT" || code === abortCode;
  return isAbort
    ? { kind: "memory", index: Math.max(order.from, current.read()) }
    : { kind: "broken", index: Math.max(order.from, current.read()), output: output() };
}

// What V8 ends the process with when its heap is full.
const abortCode = 134;

function tailOf(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    text = (text + part).slice(-shownOutput);
  });
  return () => text;
}

function watchFor(current: CurrentIndex, hangMs: number, onHang: () => void): NodeJS.Timeout {
  let last = notStarted;
  let since = performance.now();
  return setInterval(() => {
    const index = current.read();
    const now = performance.now();
    if (index !== last) {
      last = index;
      since = now;
    } else if (now - since > (index === notStarted ? startMs : hangMs)) onHang();
  }, watchMs);
}

/** The index that the process is at: it writes the number before each execution, and a file outlives it. */
class CurrentIndex {
  readonly file: string;
  readonly #handle: number;
  readonly #bytes = new Int32Array(1);

  constructor(file: string) {
    this.file = file;
    this.#handle = openSync(file, "w+");
  }

  read(): number {
    const count = readSync(this.#handle, this.#bytes, 0, 4, 0);
    return count === 4 ? (this.#bytes[0] ?? notStarted) : notStarted;
  }

  close(): void {
    closeSync(this.#handle);
  }
}
