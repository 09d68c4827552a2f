/** When a failed attempt is tried again. Pure. */

/** Retries after the first attempt, unless the step function says otherwise by its `maxRetries` property. */
export const maxRetriesDefault = 3;

/** Starts of one attempt whose worker was lost, after which the step fails with `StepLostError`. */
export const deliveriesMax = 10;

/** The first retry comes after this long; each later one doubles it, up to {@link retryDelayMsMax}. */
const retryDelayMsBase = 1_000;
const retryDelayMsMax = 5 * 60_000;

/** The delay is lengthened by up to this share of itself, so that steps that failed together do not return together. */
const jitterShare = 0.2;

/**
 * Milliseconds until the next attempt, or null when the budget is used up. `requestedMs` is what a `RetryableError`
 * asked for; `random` is in [0, 1).
 */
export function retryDelay(failure: {
  readonly attempt: number;
  readonly maxRetries: number;
  readonly requestedMs: number | null;
  readonly random: number;
}): number | null {
  if (failure.attempt > failure.maxRetries) return null;
  if (failure.requestedMs !== null) return Math.max(0, Math.round(failure.requestedMs));
  const exponential = Math.min(retryDelayMsBase * 2 ** (failure.attempt - 1), retryDelayMsMax);
  return Math.round(exponential * (1 + jitterShare * failure.random));
}
