import type { Owner } from "../kernel/scheduler.ts";

/** Somebody who calls the store: a worker process, or a client. */
export interface Participant extends Owner {
  readonly kind: "worker" | "client";
  /** Gone at once, without a word to anybody. */
  crash(): void;
  /** Stand still for so many milliseconds. */
  pause(ms: number): void;
}
