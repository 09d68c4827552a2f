/**
 * Whose jobs are taken where more are ready than a claim takes. Half of them are the longest ready: so none waits for ever.
 * The others are of runs in turn: so none waits behind all those of another run.
 */

/** How many runs are to have their turn, and behind which one; null: from the first one on. */
export interface JobTurn<K> {
  readonly after: K | null;
  readonly runs: number;
}

/** The turns of the runs in the order of some key that each has. What a claim remembers for the next one. */
export class JobTurns<K> {
  #after: K | null = null;
  #claims = 0;

  /** The turns of a claim of at most `max` jobs; of one job, every other claim has none. */
  next(max: number): JobTurn<K> {
    this.#claims += 1;
    return { after: this.#after, runs: Math.floor((max + (this.#claims % 2)) / 2) };
  }

  /** The last run that had its turn; null: there was none behind those, and the first one is the next. */
  had(last: K | null): void {
    this.#after = last;
  }
}

/**
 * What a claim of at most `max` takes of the longest ready and of what the runs of its turn have, which may be the same.
 * `placeOf` tells one job from another.
 */
export function sharedOut<T>(
  longest: readonly T[],
  inTurn: readonly T[],
  { runs, max }: { readonly runs: number; readonly max: number },
  placeOf: (job: T) => string,
): readonly T[] {
  const chosen = [...longest.slice(0, Math.max(0, max - runs)), ...inTurn, ...longest];
  return [...new Map(chosen.map((job) => [placeOf(job), job])).values()].slice(0, Math.max(0, max));
}
