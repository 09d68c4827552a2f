/** What chunks say: which one of which batch they are. No two chunks of an experiment are equal. */

/** A batch of chunks that the body of a step appends to a stream of its run. */
export interface Batch {
  readonly run: string;
  readonly stream: string;
  readonly step: string;
  readonly attempt: number;
  readonly delivery: number;
  /** Counts the batches of the body to this stream, from 1. */
  readonly n: number;
  /** How many chunks it has. */
  readonly count: number;
}

/** A chunk is as much longer than its text, at most. */
const fillerMost = 300;

/** The texts of a batch, in order. */
export function textsOf({ stream, step, attempt, delivery, n, count }: Batch): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const filler = ".".repeat((97 * (n + index)) % fillerMost);
    return `${JSON.stringify([stream, step, attempt, delivery, n, index])}${filler}`;
  });
}
