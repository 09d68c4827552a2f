/**
 * The points of a worker at which it may kill itself, and the one at which it does. The steps and the world of the worker tell
 * where they are; the engine knows nothing of it.
 */
import { pull, startExecutioner, type Trigger } from "./executioner.ts";
import type { Kill, Point } from "./kill-plan.ts";
import type { StatusFile, StruckWrite } from "./status-file.ts";

/** The expected length of a commit, in milliseconds, before any was measured. */
const commitMsGuess = 1;

/** A kill may fall this much later than the median commit takes. */
const stretch = 1.3;

export class FaultPoints {
  readonly #kill: Kill;
  readonly #status: StatusFile;
  readonly #commitMs: number[] = [];
  #trigger: Trigger | null = null;
  #count = 0;
  #hasVictim = false;

  constructor(kill: Kill, status: StatusFile) {
    this.#kill = kill;
    this.#status = status;
  }

  /** Makes ready what the kill needs. */
  async prepare(): Promise<void> {
    const kill = this.#kill;
    if (kill.kind !== "named") return;
    if (kill.point.endsWith("-in-flight") || kill.point === "in-heartbeat") {
      this.#trigger = await startExecutioner(kill.point, this.#status);
    }
  }

  /** The worker is at a point: if it is the one, this is the end of the process. */
  reach(point: Point): void {
    if (this.#isDue(point)) this.#die(point);
  }

  /**
   * The body of a step has returned: the engine has its result once the promises that are settled now have been followed, and writes
   * it in a later turn of the event loop.
   */
  bodyReturned(): void {
    if (this.#kill.kind === "named" && this.#kill.point === "after-step-body") {
      setImmediate(() => this.reach("after-step-body"));
    }
  }

  /**
   * A write is about to be handed to the store, which commits in the next turn of the event loop. The returned function is to be
   * called with the answer at hand, and does not resolve when the worker was struck in between.
   */
  strikeDuring(point: Point, write: StruckWrite): () => Promise<void> {
    const trigger = this.#trigger;
    const kill = this.#kill;
    if (trigger === null || kill.kind !== "named" || kill.point !== point) return async () => {};
    // One write at a time is the victim; when it is answered before the strike, the next one is.
    const isVictim = !this.#hasVictim && this.#isDue(point);
    this.#hasVictim ||= isVictim;
    if (isVictim) this.#status.note(write);
    let begunAt: number | null = null;
    let isAnswered = false;
    setImmediate(() => {
      if (isAnswered) return;
      begunAt = performance.now();
      if (isVictim) pull(trigger, kill.fraction * stretch * this.#commitMsMedian());
    });
    return async () => {
      isAnswered = true;
      if (begunAt === null) {
        if (isVictim) this.#hasVictim = false;
        return;
      }
      this.#commitMs.push(performance.now() - begunAt);
      if (isVictim) await new Promise<never>(() => {});
    };
  }

  /** What the heartbeat's thread needs in order to be struck in its `nth` beat; null when it is to live. */
  heartbeatStrike(): { readonly trigger: Trigger; readonly nth: number; readonly delayMs: number } | null {
    const kill = this.#kill;
    if (this.#trigger === null || kill.kind !== "named" || kill.point !== "in-heartbeat") return null;
    return { trigger: this.#trigger, nth: kill.nth, delayMs: kill.fraction * stretch * commitMsGuess };
  }

  #isDue(point: Point): boolean {
    if (this.#kill.kind !== "named" || this.#kill.point !== point) return false;
    this.#count += 1;
    return this.#count >= this.#kill.nth;
  }

  #die(point: Point): void {
    this.#status.reach(point);
    process.kill(process.pid, "SIGKILL");
  }

  #commitMsMedian(): number {
    const sorted = this.#commitMs.slice(-15).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? commitMsGuess;
  }
}
