/**
 * One path through a tree of choices, and the way from each path to the next. A path is replayed from its list of choices;
 * beyond the list the first option is taken, and what was open there is remembered, so that a search depth first meets
 * every path once.
 */

interface Taken {
  readonly options: number;
  readonly option: number;
}

export class Choices {
  readonly #prefix: readonly number[];
  readonly #taken: Taken[] = [];

  constructor(prefix: readonly number[] = []) {
    this.#prefix = prefix;
  }

  /** One of so many options, of which there is at least one. What has one option is no choice. */
  pick(options: number): number {
    if (options <= 1) return 0;
    const option = this.#prefix[this.#taken.length] ?? 0;
    if (option >= options)
      throw new RangeError(`Choice ${this.#taken.length + 1} has ${options} options, not ${option}.`);
    this.#taken.push({ options, option });
    return option;
  }

  /** The list by which this path is taken again. */
  get list(): readonly number[] {
    return this.#taken.map(({ option }) => option);
  }

  /** The list of the next path; null: this was the last one. */
  next(): readonly number[] | null {
    const last = this.#taken.findLastIndex(({ options, option }) => option < options - 1);
    const taken = this.#taken[last];
    if (taken === undefined) return null;
    return [...this.#taken.slice(0, last).map(({ option }) => option), taken.option + 1];
  }
}
