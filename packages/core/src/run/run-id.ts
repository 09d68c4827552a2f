import { crockford } from "./crockford.ts";

/**
 * A fresh run id: `wrun_` and a ULID (48 bits of milliseconds, 80 random bits; https://github.com/ulid/spec), so that ids sort by
 * time of creation.
 */
export function mintRunId(env: { now(): number; randomBytes(size: number): Uint8Array }): string {
  const bytes = new Uint8Array(16);
  let time = env.now();
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes.set(env.randomBytes(10), 6);
  return `wrun_${crockford(bytes)}`;
}
