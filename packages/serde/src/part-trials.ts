import { type ErrorRecord, hiddenKeys } from "./types/error-values.ts";

/**
 * Finds out which parts of errors cannot be stored, by trying each one on its own, and omits them. The outcomes are kept
 * for the whole encoding, so that a chain of causes is not tried again from every one of its errors.
 */
export class PartTrials {
  readonly #outcomes = new Map<unknown, boolean>();
  #depth = 0;

  /** Removes from a record what cannot be stored. */
  omitUnstorable(record: ErrorRecord, isStorable: (part: unknown) => boolean): void {
    for (const key of ["cause", ...hiddenKeys] as const) {
      if (Object.hasOwn(record, key) && !this.#try(record[key], isStorable)) delete record[key];
    }
    if (record.own === undefined) return;
    for (const key of Object.keys(record.own)) {
      if (key === "__proto__" || !this.#try(record.own[key], isStorable)) delete record.own[key];
    }
    if (Object.keys(record.own).length === 0) delete record.own;
  }

  #try(part: unknown, isStorable: (part: unknown) => boolean): boolean {
    const known = this.#outcomes.get(part);
    if (known !== undefined) return known;
    // A part that is met again while it is tried is judged by the trial that is running; one that is too deep stays
    // omitted when it is met again from further up, or the chain would grow by one with every level.
    this.#outcomes.set(part, this.#depth < maxDepth);
    if (this.#depth >= maxDepth) return false;
    this.#depth++;
    const outcome = isStorable(part);
    this.#depth--;
    this.#outcomes.set(part, outcome);
    return outcome;
  }
}

// Every trial inside of a trial takes some kilobytes of stack.
const maxDepth = 50;
