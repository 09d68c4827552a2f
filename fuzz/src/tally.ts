/** Counts of executions, by kind of input and by how they ended. */
import type { Input } from "./input.ts";
import type { Verdict } from "./judge.ts";

/** How many inputs of one kind were decoded, and how many refused. */
export interface KindCount {
  decoded: number;
  refused: number;
}

/** The counts of some executions; plain data, so that processes can send it. */
export interface Tally {
  readonly byKind: Record<string, KindCount>;
  /** Of inputs from 64 KiB on, where a millisecond means something. */
  slowestMsPerMiB: number;
}

/** No executions. */
export function emptyTally(): Tally {
  return { byKind: {}, slowestMsPerMiB: 0 };
}

const measuredFrom = 64 * 1024;

/** Counts one execution. */
export function addTo(tally: Tally, kind: Input["kind"], { ending, bytes, ms }: Verdict): void {
  const count = countOf(tally, kind);
  count[ending]++;
  if (bytes >= measuredFrom) tally.slowestMsPerMiB = Math.max(tally.slowestMsPerMiB, (ms * 2 ** 20) / bytes);
}

/** Adds the counts of `other`. */
export function merge(tally: Tally, other: Tally): void {
  for (const [kind, { decoded, refused }] of Object.entries(other.byKind)) {
    const count = countOf(tally, kind);
    count.decoded += decoded;
    count.refused += refused;
  }
  tally.slowestMsPerMiB = Math.max(tally.slowestMsPerMiB, other.slowestMsPerMiB);
}

/** All that ended without a violation. */
export function totalOf(tally: Tally): KindCount {
  const total: KindCount = { decoded: 0, refused: 0 };
  for (const { decoded, refused } of Object.values(tally.byKind)) {
    total.decoded += decoded;
    total.refused += refused;
  }
  return total;
}

function countOf(tally: Tally, kind: string): KindCount {
  let count = tally.byKind[kind];
  if (count === undefined) {
    count = { decoded: 0, refused: 0 };
    tally.byKind[kind] = count;
  }
  return count;
}
