/** The floor: what the store's own database costs for the same bytes, without Perdure. Nothing reads, checks or decides. */
import { randomBytes } from "node:crypto";

/** How many appends of different runs share a commit when they are ready together, and so how many rows share one here. */
export const rowsPerCommit = 128;

/** Each call gives the milliseconds that the work itself took. */
export interface Floor {
  /** `count` commits, one after the other, of one row of `bytes` bytes each. */
  commits(count: number, bytes: number): number | Promise<number>;
  /** `count` rows of `bytes` bytes each, {@link rowsPerCommit} in a commit. */
  groupedCommits(count: number, bytes: number): number | Promise<number>;
  /** Reads `count` rows of `bytes` bytes each back, all of them there when the clock starts. */
  read(count: number, bytes: number): number | Promise<number>;
  close(): void | Promise<void>;
}

/** Bytes that no database compresses. */
export const filled = (bytes: number): Buffer => randomBytes(Math.max(1, Math.round(bytes)));
