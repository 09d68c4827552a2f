/** One worker process, seen from the controller. */
import type { ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { spawnNode } from "../node-process.ts";
import { type Assignment, environmentOf, statusPath } from "./environment.ts";
import type { FromWorker, RunOrder, ToWorker } from "./messages.ts";
import { readStatus, type Status } from "./status-file.ts";

const program = resolve(import.meta.dirname, "worker.ts");

export class WorkerProcess {
  readonly assignment: Assignment;
  readonly loaded: Promise<void>;
  readonly working: Promise<void>;
  /** Resolves to the signal that ended the process; null when it ended by itself. */
  readonly ended: Promise<NodeJS.Signals | null>;
  /** What it wrote to stderr. */
  complaints = "";
  onStarted: (key: string, runId: string) => void = () => {};
  readonly #child: ChildProcess;

  constructor(assignment: Assignment) {
    this.assignment = assignment;
    const child = spawnNode(["--import", "perdure/register", program], environmentOf(assignment));
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.complaints += text;
    });
    this.ended = new Promise((resolveEnd) => child.on("close", (_code, signal) => resolveEnd(signal)));
    this.loaded = this.#said("loaded");
    this.working = this.#said("working");
    child.on("message", (message: FromWorker) => {
      if (message.kind === "started") this.onStarted(message.key, message.runId);
    });
  }

  work(): void {
    this.#send({ kind: "work" });
  }

  start(order: RunOrder): void {
    this.#send({ kind: "start", order });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** What it was doing when it ended. */
  status(): Status {
    return readStatus(statusPath(this.assignment));
  }

  /** A process that is being killed cannot be told anything more: whoever waits for an answer asks the next one. */
  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Resolves when the worker has said it, or is gone. */
  #said(kind: FromWorker["kind"]): Promise<void> {
    return new Promise((resolveSaid) => {
      this.#child.on("message", (message: FromWorker) => {
        if (message.kind === kind) resolveSaid();
      });
      void this.ended.then(() => resolveSaid());
    });
  }
}
