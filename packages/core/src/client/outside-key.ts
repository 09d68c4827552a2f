import { crockford } from "../run/crockford.ts";

/** A fresh idempotency key for one append by an outside writer. */
export const outsideKey = (env: { randomBytes(size: number): Uint8Array }): string => crockford(env.randomBytes(16));
