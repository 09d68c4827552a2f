import type { AppendRequest } from "@perdure/world";
import type { Ledger } from "./ledger.ts";

/** Writes down what an append that the store has acknowledged says of attempts, whoever has executed them. */
export function acknowledge(ledger: Pick<Ledger, "write">, run: string, request: AppendRequest): void {
  for (const fact of request.by === "driver" ? request.facts : [request.fact]) {
    const step = fact.correlationId;
    if (step === null) continue;
    if (fact.type === "step_completed" || fact.type === "step_failed") {
      ledger.write({ kind: "ack", run, step, attempt: fact.data.attempt, final: true });
    } else if (fact.type === "step_retrying") {
      ledger.write({ kind: "ack", run, step, attempt: fact.data.attempt - 1, final: false });
    }
  }
}
