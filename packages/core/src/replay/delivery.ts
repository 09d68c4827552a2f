/**
 * Facts on their way into the realm: payloads are hydrated first, outside of the guarded call; then each fact is one call
 * of the guest and one drain. Nothing here is left half done when the call is stopped.
 */
import type { LogEvent } from "@perdure/world";
import type { Hydrated } from "../hydrate/hydration-memo.ts";
import type { DeliveryResult, GuestExecution, GuestState } from "../realm/guest-port.ts";
import type { Realm } from "../realm/realm.ts";

/** A fact as it is delivered: from the log, or before it stands there. */
export interface DeliverableFact {
  readonly type: LogEvent["type"];
  readonly position: number;
  readonly correlationId: string | null;
  readonly at: number;
  readonly data: LogEvent["data"];
  readonly payload: Uint8Array | null;
}

/** A fact with what it brings, ready to be delivered. */
export interface Delivery {
  readonly fact: DeliverableFact;
  /** What the guest calls the operation; empty for `run_started`. */
  readonly key: string;
  readonly value: Hydrated;
}

/** What the guarded call did. */
export interface DeliveryReport {
  /** Facts that were delivered; the rest was not, because the execution ended or failed. */
  delivered: number;
  state: GuestState;
  /** The sentence of the guest when a payload could not be read, with the position of its fact. */
  undecodable: { readonly problem: string; readonly position: number; readonly type: LogEvent["type"] } | null;
}

/** What a fact without payload brings. */
export const nothing: Hydrated = { kind: "primitive", value: undefined };

/** Delivers in order, each to rest. To be called inside of `realm.enter`. */
export function deliverAll(
  realm: Realm,
  execution: GuestExecution,
  workflowId: string,
  deliveries: readonly Delivery[],
  report: DeliveryReport,
): void {
  for (const delivery of deliveries) {
    const result = deliverOne(realm, execution, workflowId, delivery);
    if (result === "undecodable") {
      const { position, type } = delivery.fact;
      report.undecodable = { problem: realm.port.problem(), position, type };
      return;
    }
    realm.drain();
    report.state = realm.port.rest(execution);
    report.delivered += 1;
    if (report.state !== "waiting") return;
  }
}

function deliverOne(realm: Realm, execution: GuestExecution, workflowId: string, delivery: Delivery): DeliveryResult {
  const { port } = realm;
  const { fact, key, value } = delivery;
  const { position, at } = fact;
  if (fact.type === "hook_conflict") {
    const { conflictingRunId } = fact.data as LogEvent<"hook_conflict">["data"];
    port.conflict(execution, position, at, key, conflictingRunId);
    return "done";
  }
  const content = value.kind === "text" ? value.text : value.value;
  if (value.kind === "text") stageBlobs(realm, value.blobs);
  if (fact.type === "run_started") {
    return port.start(execution, position, at, realm.bundleFunction, workflowId, String(content));
  }
  const ok = fact.type !== "step_failed";
  return port.settle(execution, position, at, key, ok, value.kind, content);
}

function stageBlobs(realm: Realm, blobs: readonly Uint8Array[]): void {
  for (const blob of blobs) Uint8Array.prototype.set.call(realm.port.stage(blob.byteLength), blob);
}
