/** Vitest runs from the sources, so the generated guest has to be of these sources too. */
import { buildGuest } from "./build-guest.ts";

export async function setup(): Promise<void> {
  await buildGuest({ force: false });
}
