/** Waiting for a condition that nobody announces. */

const lookEveryMs = 1;

/** Resolves when the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
}
