/** Where step bodies leave the time at which they began, or that they did, for the scenario in the same process. */

const waiting = new Map<string, (at: number) => void>();

/** Milliseconds of the process's monotonic clock at which the step that is given `label` begins; ask before it can. */
export function nextMark(label: string): Promise<number> {
  return new Promise((resolve) => waiting.set(label, resolve));
}

/** Called on the first line of a step's body. */
export function mark(label: string): void {
  const at = performance.now();
  waiting.get(label)?.(at);
  waiting.delete(label);
}

/** Who has arrived; a step that is delivered twice arrives once. */
export const arrivals = new Set<number>();
