/** Q4: a store that fails is asked again after 10 ms, doubling up to this, with full jitter on the second half. */
const pauseMsBase = 10;
const pauseMsMax = 2_000;

/** Milliseconds before a call to the store is repeated. `attempt` counts from 1; `random` is in [0, 1). */
export function retryPauseMs(attempt: number, random: number): number {
  const full = Math.min(pauseMsBase * 2 ** (attempt - 1), pauseMsMax);
  return Math.round(full / 2 + (full / 2) * random);
}
