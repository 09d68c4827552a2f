import type { AppendRequest } from "@perdure/world";
import type { Ledger } from "./ledger.ts";

/** Writes down what an append that the store has acknowledged says of attempts. */
export function acknowledge(ledger: Ledger, run: string, request: AppendRequest): void {
  if (request.by !== "driver") return;
  for (const fact of request.facts) {
    const step = fact.correlationId;
    if (step === null) continue;
    if (fact.type === "step_completed" || fact.type === "step_failed") {
      ledger.write({ kind: "ack", run, step, attempt: fact.data.attempt, final: true });
    } else if (fact.type === "step_retrying") {
      ledger.write({ kind: "ack", run, step, attempt: fact.data.attempt - 1, final: false });
    }
  }
}
