/**
 * The runs that wait to be claimed, by the moment they are due: a binary heap whose entries can be moved and removed by
 * run id, so that the next due run costs O(log n) whatever happened to the others.
 */
import { invariant } from "@perdure/errors";

interface Entry {
  readonly runId: string;
  readonly dueAt: number;
  /** Order of entry: of the runs due at one moment, the one that has waited longest comes first. */
  readonly turn: number;
}

export class DueQueue {
  readonly #heap: Entry[] = [];
  readonly #places = new Map<string, number>();
  #turn = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The run that is due first, or undefined when none waits. */
  first(): { readonly runId: string; readonly dueAt: number; readonly turn: number } | undefined {
    return this.#heap[0];
  }

  /** Enter a run, or move it. A run that stays due at the same moment keeps its turn. */
  set(runId: string, dueAt: number): void {
    const place = this.#places.get(runId);
    if (place !== undefined && this.#at(place).dueAt === dueAt) return;
    this.#turn += 1;
    const entry: Entry = { runId, dueAt, turn: this.#turn };
    if (place === undefined) this.#heap.push(entry);
    else this.#heap[place] = entry;
    this.#settle(entry, place ?? this.#heap.length - 1);
  }

  delete(runId: string): void {
    const place = this.#places.get(runId);
    if (place === undefined) return;
    this.#places.delete(runId);
    const last = this.#heap.pop();
    if (last === undefined || last.runId === runId) return;
    this.#heap[place] = last;
    this.#settle(last, place);
  }

  #at(place: number): Entry {
    const entry = this.#heap[place];
    invariant(entry !== undefined, `the queue has no place ${place}`);
    return entry;
  }

  #settle(entry: Entry, start: number): void {
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, this.#at(parent))) break;
      this.#put(this.#at(parent), place);
      place = parent;
    }
    for (let child = this.#smallerChild(place); child !== null; child = this.#smallerChild(place)) {
      if (!isBefore(this.#at(child), entry)) break;
      this.#put(this.#at(child), place);
      place = child;
    }
    this.#put(entry, place);
  }

  #smallerChild(place: number): number | null {
    const left = 2 * place + 1;
    if (left >= this.#heap.length) return null;
    const right = left + 1;
    return right < this.#heap.length && isBefore(this.#at(right), this.#at(left)) ? right : left;
  }

  #put(entry: Entry, place: number): void {
    this.#heap[place] = entry;
    this.#places.set(entry.runId, place);
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueAt === b.dueAt ? a.turn < b.turn : a.dueAt < b.dueAt;
}
