/** A store, workers on it, and a client: what the tests of takeover and shutdown work on. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { LogEvent, RunRecord, World } from "@perdure/world";
import { getRun, type WorkerOptions } from "perdure/api";
import { createLocalWorld } from "perdure/config";
import { onTestFinished } from "vitest";
import { spawnNode as spawnProgram } from "../node-process.ts";
import { environmentOf, openGate, storePath } from "./gates.ts";
import { readJournal, type SignedEntry } from "./journal.ts";

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RelayWorker {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  complaints = "";
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.complaints += text;
    });
    this.ended = new Promise((resolveEnd) => child.on("close", (code, signal) => resolveEnd({ code, signal })));
  }

  /** Starts a relay of so many legs; resolves to the id of the run. */
  async start(length: number): Promise<string> {
    const answer = once(this.#child, "message");
    this.#child.send(length);
    return String((await answer)[0]);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

export class RelayBench {
  readonly folder: string;
  readonly world: World;

  private constructor(folder: string, world: World) {
    this.folder = folder;
    this.world = world;
  }

  /** Removed when the test is over. */
  static async open(): Promise<RelayBench> {
    const folder = mkdtempSync(join(tmpdir(), "perdure-relay-"));
    const world = await createLocalWorld({ path: storePath(folder) });
    onTestFinished(async () => {
      await world.close();
      rmSync(folder, { recursive: true });
    });
    return new RelayBench(folder, world);
  }

  /** A worker process that is at work. */
  async worker(settings: WorkerOptions = {}): Promise<RelayWorker> {
    const child = spawnNode(
      ["--import", "perdure/register", resolve(import.meta.dirname, "worker.ts"), JSON.stringify(settings)],
      environmentOf(this.folder),
    );
    const worker = new RelayWorker(child);
    await Promise.race([once(child, "message"), worker.ended.then(() => failed(worker))]);
    return worker;
  }

  journal(): readonly SignedEntry[] {
    return readJournal(this.folder);
  }

  /** Resolves when a leg has begun, or ended, in a worker. */
  async saw(kind: "begin" | "end", { pid }: RelayWorker, runId: string, index: number): Promise<void> {
    await this.until(() =>
      this.journal().some((it) => it.kind === kind && it.pid === pid && it.run === runId && it.index === index),
    );
  }

  /** Resolves when a worker's own listener has seen a signal. */
  async sawSignal({ pid }: RelayWorker, name: NodeJS.Signals): Promise<void> {
    await this.until(() => this.journal().some((it) => it.kind === "signal" && it.pid === pid && it.name === name));
  }

  openGate({ pid }: RelayWorker, runId: string, index: number): void {
    openGate(this.folder, runId, index, pid);
  }

  /** Looks again and again; the test's own timeout is the only bound. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await pause(10);
  }

  async run(runId: string): Promise<RunRecord> {
    const run = await this.world.runs.get(runId);
    if (run === null) throw new Error(`There is no run ${runId}.`);
    return run;
  }

  log(runId: string): Promise<readonly LogEvent[]> {
    return this.world.log.read(runId, { after: 0, limit: 1_000 });
  }

  value(runId: string): Promise<number[]> {
    return getRun<number[]>(runId, { world: this.world }).returnValue;
  }
}

/** A Node process that is gone when the test is. */
export function spawnNode(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawnProgram(args, environment);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function failed(worker: RelayWorker): never {
  throw new Error(`The worker ended before it worked:\n${worker.complaints}`);
}
