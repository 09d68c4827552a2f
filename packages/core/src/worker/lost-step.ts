import { StepLostError } from "@perdure/errors";
import type { LogEvent } from "@perdure/world";
import { encodeError } from "../step/execute.ts";

/** The recorded form of `StepLostError` for a step call that was started this many times in vain. */
export function encodeLostError(call: LogEvent<"step_created">, deliveries: number): Uint8Array {
  return encodeError(new StepLostError(`${call.data.name} #${call.data.ordinal}`, deliveries));
}
