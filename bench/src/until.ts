/** Waiting for a condition that nobody announces. */

const lookEveryMs = 1;

/** Resolves when the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
}
