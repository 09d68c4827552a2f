/**
 * A thread that kills its own process, so that the kill can fall while the event loop, or the heartbeat's thread, is inside a
 * call to the store. It spins for the given time, because no timer is as short as a commit.
 */
import { Worker } from "node:worker_threads";
import type { Point } from "./kill-plan.ts";
import { reachedByte, reachedOffset, type StatusFile } from "./status-file.ts";

/** Signal word and delay, shared with whoever gives the signal: an Int32 at 0, a Float64 of milliseconds at 8. */
export type Trigger = SharedArrayBuffer;

const threadSource = `"use strict";
const { writeSync } = require("node:fs");
const { workerData, parentPort } = require("node:worker_threads");
const { trigger, file, reachedOffset, reachedByte } = workerData;
const words = new Int32Array(trigger, 0, 1);
const delay = new Float64Array(trigger, 8, 1);
parentPort.postMessage("ready");
Atomics.wait(words, 0, 0);
const from = performance.now();
writeSync(file, Buffer.of(reachedByte), 0, 1, reachedOffset);
while (performance.now() - from < delay[0]);
process.kill(process.pid, "SIGKILL");
`;

/** Starts the thread; resolves when it waits for the signal. */
export async function startExecutioner(point: Point, status: StatusFile): Promise<Trigger> {
  const trigger = new SharedArrayBuffer(16);
  const workerData = { trigger, file: status.descriptor, reachedOffset, reachedByte: reachedByte(point) };
  const thread = new Worker(threadSource, { eval: true, workerData, execArgv: [], name: "executioner" });
  await new Promise((resolve) => thread.once("message", resolve));
  thread.unref();
  return trigger;
}

/** The process dies in this many milliseconds. */
export function pull(trigger: Trigger, delayMs: number): void {
  new Float64Array(trigger, 8, 1)[0] = delayMs;
  const words = new Int32Array(trigger, 0, 1);
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
}
