/** A number that depends on both arguments, the same everywhere: what the steps compute and what the controller expects. */
export function mix(seed: number, label: string): number {
  let state = seed >>> 0;
  for (const letter of label) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return state;
}

/** A generator of numbers in [0, 1) that repeats itself for the same seed. After Mulberry32 by Tommy Ettinger (public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
