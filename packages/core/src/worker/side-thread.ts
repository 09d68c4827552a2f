/**
 * Runs a world's heartbeat source in a thread of its own, and watches from there whether the event loop still turns.
 *
 * It owns the thread and the memory shared with it. The thread never keeps the process alive. Time that the event loop
 * did not turn is counted in timers of the thread that came due, so that neither a clock that jumps nor a machine that
 * was suspended makes a worker count as stuck.
 */
import { Worker } from "node:worker_threads";
import { WorkerSetupError } from "@perdure/errors";
import type { WorkerInfo } from "@perdure/world";
import type { Env } from "../env.ts";

/** A running side thread. */
export interface SideThread {
  /** Says that the event loop turns; returns whether the beats had paused because it did not. */
  tick(): boolean;
  /** When the last stored beat began, in milliseconds since the epoch; 0 before the first. */
  beatAt(): number;
  /** Ends the thread, once a beat that is under way is stored. */
  stop(): Promise<void>;
}

/** What a side thread is made of. */
export interface SideThreadOptions {
  /** CommonJS source of `module.exports = (data) => ({ beat(worker), close() })`; both may answer a promise. */
  readonly source: string;
  readonly data: unknown;
  readonly worker: WorkerInfo;
  readonly pace: {
    readonly intervalMs: number;
    readonly stuckAfterMs: number;
    /** Milliseconds after which a failed beat is tried again. */
    readonly retryMs: number;
  };
  readonly env: Env;
  /** Called with the first of a row of failed beats. */
  readonly onError: (error: unknown) => void;
  /** Called each time that the store refuses a beat because it was put back to an earlier state. */
  readonly onRestored: () => void;
  /** Called when the thread has ended by itself. */
  readonly onBroken: (error: unknown) => void;
}

/** Index of each 32-bit word of the shared memory; the time of the last beat follows as a 64-bit word. */
const word = {
  /** Raised by main with every turn of its loop. */
  ticks: 0,
  /** 1 when the thread has paused since main looked last. */
  paused: 1,
} as const;

/** Byte offset of the time of the last beat. */
const beatAtOffset = 8;

/** Milliseconds that `stop` leaves the thread to end by itself. */
const endMsMax = 2_000;

const threadSource = `"use strict";
const vm = require("node:vm");
const { parentPort, workerData } = require("node:worker_threads");
const { source, data, worker, pace, shared } = workerData;
const words = new Int32Array(shared, 0, 2);
const beatAt = new BigInt64Array(shared, ${beatAtOffset}, 1);

const module_ = { exports: {} };
const parameters = ["module", "exports", "require"];
vm.compileFunction(source, parameters, { filename: "perdure:heartbeat" })(module_, module_.exports, require);
const beats = module_.exports(data);

let ticks = Atomics.load(words, ${word.ticks});
let stillMs = 0;
let failing = false;
let beating = null;
let watchTimer;
let beatTimer;

function watch() {
  watchTimer = setTimeout(() => {
    const seen = Atomics.load(words, ${word.ticks});
    stillMs = seen === ticks ? stillMs + pace.intervalMs : 0;
    ticks = seen;
    watch();
  }, pace.intervalMs);
}

function beatAfter(ms) {
  beatTimer = setTimeout(() => {
    beating = beatUnlessStuck().then(() => beatAfter(failing ? pace.retryMs : pace.intervalMs));
  }, ms);
}

async function beatUnlessStuck() {
  // It may have turned since it was watched last.
  if (stillMs >= pace.stuckAfterMs && Atomics.load(words, ${word.ticks}) === ticks) {
    Atomics.store(words, ${word.paused}, 1);
    return;
  }
  // Before the beat: the store's clock read it at some time after that.
  const now = Date.now();
  try {
    await beats.beat(worker);
    Atomics.store(beatAt, 0, BigInt(now));
    failing = false;
  } catch (error) {
    if (error?.code === "STORE_RESTORED") parentPort.postMessage("restored");
    else if (!failing) parentPort.postMessage(error);
    failing = true;
  }
}

parentPort.once("message", async () => {
  clearTimeout(watchTimer);
  clearTimeout(beatTimer);
  await beating;
  clearTimeout(beatTimer);
  await beats.close();
  parentPort.close();
});
watch();
beatAfter(0);
`;

/** Starts the thread. Throws what Node throws when threads are forbidden or `data` cannot be sent to one. */
export function startSideThread(options: SideThreadOptions): SideThread {
  return new HeartbeatThread(options);
}

class HeartbeatThread implements SideThread {
  readonly #shared = new SharedArrayBuffer(beatAtOffset + BigInt64Array.BYTES_PER_ELEMENT);
  readonly #words = new Int32Array(this.#shared, 0, 2);
  readonly #beatAt = new BigInt64Array(this.#shared, beatAtOffset, 1);
  readonly #env: Env;
  readonly #thread: Worker;
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(options: SideThreadOptions) {
    const { source, data, worker, pace } = options;
    this.#env = options.env;
    this.#thread = new Worker(threadSource, {
      eval: true,
      name: "perdure-heartbeat",
      workerData: { source, data, worker, pace, shared: this.#shared },
      // The program's own preloads and loaders have no business in this thread.
      execArgv: [],
      stdin: false,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 1 },
    });
    this.#thread.on("message", (message: unknown) => {
      if (message === "restored") options.onRestored();
      else options.onError(message);
    });
    let cause: unknown;
    this.#thread.on("error", (error) => {
      cause = error;
    });
    this.#ended = new Promise((resolve) => {
      this.#thread.once("exit", () => {
        resolve();
        if (!this.#stopping) options.onBroken(brokenError(cause));
      });
    });
    this.#thread.unref();
  }

  tick(): boolean {
    Atomics.add(this.#words, word.ticks, 1);
    return Atomics.exchange(this.#words, word.paused, 0) === 1;
  }

  beatAt(): number {
    return Number(Atomics.load(this.#beatAt, 0));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#thread.ref();
    this.#thread.postMessage("stop");
    const cancel = this.#env.setTimer(endMsMax, () => void this.#thread.terminate());
    await this.#ended;
    cancel();
  }
}

function brokenError(cause: unknown): WorkerSetupError {
  return new WorkerSetupError(
    "The thread that sends this worker's heartbeats has ended; the event loop sends them now.",
    {
      cause,
      hint: "A step that blocks the event loop for longer than the lease loses its worker's runs until it is restarted.",
    },
  );
}
