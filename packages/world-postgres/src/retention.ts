/** How long ended runs are kept. */
import { ConfigError } from "@perdure/errors";
import { type EndedStatus, endedShownMs, parseAge } from "@perdure/world";
import type { RetentionOptions } from "./options.ts";

/** For each way to end: how long such a run is kept, in milliseconds. Absent: for ever. */
export type Retention = ReadonlyMap<EndedStatus, number>;

export const endedStatuses: readonly EndedStatus[] = ["completed", "failed", "cancelled"];

/** A worker may still be told of a run that has just ended, and send its last append again: it is kept as long as that. */
const retentionMsMin = endedShownMs;

export function retentionOf(options: RetentionOptions = {}): Retention {
  const unknown = Object.keys(options).find((key) => !endedStatuses.some((status) => status === key));
  if (unknown !== undefined) throw wrong(`knows no status "${unknown}"`);
  const retention = new Map<EndedStatus, number>();
  for (const status of endedStatuses) {
    const age = options[status];
    if (age === undefined) continue;
    const ms = typeof age === "string" ? parseAge(age) : null;
    if (ms === null || ms < retentionMsMin) throw wrong(`needs an age of 1m or more for "${status}"`);
    retention.set(status, ms);
  }
  return retention;
}

function wrong(what: string): ConfigError {
  return new ConfigError(`The \`retention\` of the PostgreSQL world ${what}.`, {
    hint: 'Write for instance { completed: "30d", failed: "90d" }: a whole number of s, m, h, d or w. Left out: for ever.',
  });
}
