/**
 * H2: workflow code is given the payloads of a hook once each, in the order of the log, and none is left out. Programs note what
 * they take on their console; the payloads of outsiders are told apart by their number.
 */
import { hydrate } from "@perdure/serde";
import type { LogEvent } from "@perdure/world";
import type { Report } from "../ledger/violation.ts";

/** A line that notes a payload, as programs print it. */
const notePattern = /^\w+ @-?\d+ r\d* v-?\d+ \{"n":(\d+)\}$/;

/** `lines` are what a replay of the log prints. */
export function judgePayloads(runId: string, log: readonly LogEvent[], lines: readonly string[], report: Report): void {
  const received = new Map<number, LogEvent<"hook_received">>();
  for (const event of log) {
    if (event.type === "hook_received" && event.payload !== null) received.set(numberOf(event.payload), event);
  }
  const taken = new Map<string, number>();
  for (const line of lines) {
    const event = received.get(Number(notePattern.exec(line)?.[1] ?? Number.NaN));
    if (event?.correlationId === undefined || event.correlationId === null) continue;
    const expected = (taken.get(event.correlationId) ?? 0) + 1;
    const { ordinal } = event.data;
    if (ordinal !== expected) {
      report("H2", runId, `${event.correlationId} gave payload ${ordinal} where ${expected} was due: ${line}`);
      return;
    }
    taken.set(event.correlationId, ordinal);
  }
}

const numberOf = (payload: Uint8Array): number => (hydrate(payload) as { readonly n: number }).n;
