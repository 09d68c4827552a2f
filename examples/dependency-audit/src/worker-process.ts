/** Starts `worker.ts` in a process of its own, and looks after it from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { projectFolder } from "./places.ts";

const lookMs = 20;

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor() {
    const args = ["--import", "perdure/register", "src/worker.ts"];
    this.#child = spawn(process.execPath, args, { cwd: projectFolder, stdio: ["ignore", "inherit", "inherit"] });
    this.#exited = once(this.#child, "exit");
    // A worker that nobody looks after any more would wait for its approval for ever.
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the condition holds; rejects when the worker is gone before. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`Worker ${this.pid} ended by itself (${signalCode ?? exitCode}). Its own messages are above.`);
      }
      await setTimeout(lookMs);
    }
  }

  /** SIGKILL: nothing in the process can see it coming. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Resolves when the worker has ended by itself and well. */
  async finished(): Promise<void> {
    await this.#exited;
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== 0) throw new Error(`Worker ${this.pid} failed (${signalCode ?? exitCode}).`);
  }
}
