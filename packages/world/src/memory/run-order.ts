/** The runs of a namespace, newest first, and the cursors that page through them. */
import { InvalidCursorError } from "@perdure/errors";
import type { RunRecord } from "../run-record.ts";

/** A run's place in the list: runs are ordered by creation, then by id, which never change. */
interface Place {
  readonly createdAt: number;
  readonly runId: string;
}

export class RunOrder {
  /** Oldest first, so that a new run nearly always goes to the end. */
  readonly #places: Place[] = [];

  add({ createdAt, runId }: RunRecord): void {
    const place = { createdAt, runId };
    this.#places.splice(this.#countBefore(place), 0, place);
  }

  /** The ids of the runs after a cursor, newest first. */
  *after(cursor: string | undefined): Generator<string> {
    const start = cursor === undefined ? this.#places.length : this.#countBefore(parseCursor(cursor));
    for (let index = start - 1; index >= 0; index -= 1) {
      const place = this.#places[index];
      if (place !== undefined) yield place.runId;
    }
  }

  #countBefore(place: Place): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#places[middle];
      if (other !== undefined && isBefore(other, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.createdAt === b.createdAt ? a.runId < b.runId : a.createdAt < b.createdAt;
}

/** The cursor of the page that ends with this run. */
export const cursorOf = ({ createdAt, runId }: Place): string => `1.${createdAt}.${runId}`;

const cursorPattern = /^1\.(-?\d{1,16})\.(.+)$/s;

function parseCursor(cursor: string): Place {
  const [, createdAt, runId] = cursorPattern.exec(cursor) ?? [];
  if (createdAt === undefined || runId === undefined) throw new InvalidCursorError(cursor);
  return { createdAt: Number(createdAt), runId };
}
