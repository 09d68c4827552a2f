/**
 * What a worker was doing when it was killed: a few bytes in a file, which survive the process because its writes have reached
 * the system's page cache.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { type Point, points } from "./kill-plan.ts";

/** Byte offsets. The note is a line of JSON behind them; a later one is written over it. */
const offset = { inFlight: 0, reached: 1, note: 8 } as const;

/** The write that was in flight when the worker was struck. */
export type StruckWrite =
  | { readonly kind: "create"; readonly runId: string }
  | { readonly kind: "append"; readonly runId: string; readonly epoch: number; readonly after: number };

export interface Status {
  /** A create or an append was called and not answered. */
  readonly isInFlight: boolean;
  /** The point at which the worker killed itself; null when it did not. */
  readonly reached: Point | null;
  readonly struck: StruckWrite | null;
}

/** The worker's side. */
export class StatusFile {
  readonly #file: number;
  #inFlight = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
    this.#put(offset.inFlight, 0);
    this.#put(offset.reached, 0);
  }

  get descriptor(): number {
    return this.#file;
  }

  enter(): void {
    this.#inFlight += 1;
    this.#put(offset.inFlight, Math.min(this.#inFlight, 255));
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#put(offset.inFlight, Math.min(this.#inFlight, 255));
  }

  reach(point: Point): void {
    this.#put(offset.reached, reachedByte(point));
  }

  note(write: StruckWrite): void {
    writeSync(this.#file, `${JSON.stringify(write)}\n`, offset.note);
  }

  #put(position: number, value: number): void {
    writeSync(this.#file, Buffer.of(value), 0, 1, position);
  }
}

/** What stands at {@link reachedOffset} when the worker killed itself at a point. */
export const reachedByte = (point: Point): number => points.indexOf(point) + 1;
export const reachedOffset = offset.reached;

/** The controller's side, once the worker is dead. */
export function readStatus(path: string): Status {
  const bytes = readFileSync(path);
  const [note = ""] = bytes.subarray(offset.note).toString("utf8").split("\n");
  return {
    isInFlight: (bytes[offset.inFlight] ?? 0) > 0,
    reached: points[(bytes[offset.reached] ?? 0) - 1] ?? null,
    struck: note === "" ? null : (JSON.parse(note) as StruckWrite),
  };
}
