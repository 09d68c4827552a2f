/** What `import { sleep, createHook } from "perdure"` gives outside of workflow code: functions that say so. */
import { NotInWorkflowContextError } from "@perdure/errors";
import type { Hook, HookOptions } from "./hook-types.ts";

/**
 * Sleep durably: the run takes no memory and no process meanwhile, and wakes up on time after any crash or deploy.
 * Takes milliseconds, text such as `"10s"`, `"5m"`, `"1 day"`, or the moment to wake up at. Never ends early. Works in
 * workflow code only; anywhere else it throws `NotInWorkflowContextError`.
 */
export function sleep(_duration: number | string | Date): Promise<void> {
  throw new NotInWorkflowContextError("sleep");
}

/**
 * Create a durable inbox that the outside world fills with `resumeHook(token, payload)`. Works in workflow code only;
 * anywhere else it throws `NotInWorkflowContextError`.
 *
 * @example
 * using approval = createHook<{ ok: boolean }>({ token: `approve-${order.id}` });
 * const { ok } = await approval;
 */
export function createHook<Payload = unknown>(_options?: HookOptions): Hook<Payload> {
  throw new NotInWorkflowContextError("createHook");
}
