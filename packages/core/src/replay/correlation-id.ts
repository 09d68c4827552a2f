/**
 * Correlation ids: what links the events of one step, wait or hook. They are structural: a digest of which operation it is
 * (run, kind, step id, ordinal), so that code added in one place renumbers nothing elsewhere.
 */
import { hash } from "node:crypto";
import type { EntityKind } from "@perdure/world";
import { crockford } from "../run/crockford.ts";

/** The id of an operation: `step_`, `wait_` or `hook_` and 26 characters. `stepId` is empty for waits and hooks. */
export function correlationId(runId: string, kind: EntityKind, stepId: string, ordinal: number): string {
  // NUL separates the parts; it occurs in none of them but could in a step id, which therefore comes last.
  const digest = hash("sha256", `${runId}\0${kind}\0${ordinal}\0${stepId}`, "buffer");
  return `${kind}_${crockford(digest)}`;
}

/** What the guest calls an operation. */
export function operationKey(kind: EntityKind, stepId: string, ordinal: number): string {
  return `${kind}:${stepId}#${ordinal}`;
}

/** What the store keeps of a hook's token: its SHA-256 as lower-case hex. */
export function tokenHash(token: string): string {
  return hash("sha256", token, "hex");
}
