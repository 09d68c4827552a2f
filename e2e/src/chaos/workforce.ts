/** The worker processes: one that ends is followed by another at once. */
import type { ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { spawnNode } from "../node-process.ts";
import { type Assignment, environmentOf, hastySettings } from "./assignment.ts";
import type { FromWorker, RunOrder } from "./messages.ts";

const program = resolve(import.meta.dirname, "worker.ts");

interface Member {
  readonly child: ChildProcess;
  /** By which the store knows it; null until it is at work. */
  id: string | null;
  isSuspended: boolean;
}

export class Workforce {
  /** Lines that workers wrote to stderr, each different one once. */
  readonly complaints = new Set<string>();
  onStarted: (key: string, runId: string) => void = () => {};
  /** Processes that ended by themselves: they found no store. */
  endedThemselves = 0;
  readonly #assignment: Assignment;
  readonly #members = new Set<Member>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isOpen = true;

  constructor(assignment: Assignment, count: number) {
    this.#assignment = assignment;
    for (let index = 0; index < count; index += 1) this.#hire();
  }

  /** SIGKILL to a worker that is at work. False: there is none. */
  kill(draw: number): boolean {
    const victim = this.#victim(draw);
    return victim?.child.kill("SIGKILL") ?? false;
  }

  /** SIGKILL to this worker; resolves when it is gone. False: it is gone already, or another program's. */
  async killById(workerId: string): Promise<boolean> {
    const victim = [...this.#members].find(({ id }) => id === workerId);
    if (victim === undefined) return false;
    await endOf(victim);
    return true;
  }

  /** A worker stands still for longer than its lease. */
  suspend(draw: number): boolean {
    const victim = this.#victim(draw);
    if (victim === undefined || victim.isSuspended) return false;
    victim.isSuspended = true;
    victim.child.kill("SIGSTOP");
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        victim.isSuspended = false;
        victim.child.kill("SIGCONT");
      },
      hastySettings.leaseMs * (1.2 + draw),
    );
    this.#timers.add(timer);
    return true;
  }

  /** Asks a worker to start a run. False: none is at work. */
  start(order: RunOrder, draw: number): boolean {
    const member = this.#victim(draw);
    if (member === undefined || !member.child.connected) return false;
    member.child.send(order, () => {});
    return true;
  }

  /** Everybody who stands still goes on. */
  resumeAll(): void {
    for (const { child } of this.#members) child.kill("SIGCONT");
  }

  /** Ends all of them. */
  async dismiss(): Promise<void> {
    this.#isOpen = false;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#members].map(endOf));
  }

  #victim(draw: number): Member | undefined {
    const working = [...this.#members].filter(({ id }) => id !== null);
    return working[Math.floor(draw * working.length)];
  }

  #hire(): void {
    const member: Member = {
      child: spawnNode([program], environmentOf(this.#assignment)),
      id: null,
      isSuspended: false,
    };
    const { child } = member;
    this.#members.add(member);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) if (line !== "") this.complaints.add(line);
    });
    child.on("message", (message: FromWorker) => {
      if (message.kind === "working") member.id = message.id;
      else this.onStarted(message.key, message.runId);
    });
    child.once("close", (_code, signal) => {
      this.#members.delete(member);
      if (signal === null) this.endedThemselves += 1;
      if (this.#isOpen) this.#hire();
    });
  }
}

function endOf({ child }: Member): Promise<void> {
  return new Promise((resolveEnd) => {
    child.once("close", () => resolveEnd());
    child.kill("SIGKILL");
  });
}
