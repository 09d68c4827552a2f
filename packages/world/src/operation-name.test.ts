import { describe, expect, test } from "vitest";
import type { LogEvent } from "./events.ts";
import { operationName } from "./operation-name.ts";

/** An event whose other columns do not matter here. */
const event = (type: string, data: object): LogEvent =>
  ({ position: 1, type, correlationId: "c", at: 0, committedAt: 0, cause: null, data, payload: null }) as LogEvent;

describe("the name of an operation", () => {
  test.each([
    ["step_created", { name: "charge", ordinal: 2, stepId: "step//./shop//charge" }, "charge #2"],
    ["wait_created", { ordinal: 1 }, "sleep #1"],
    ["hook_created", { ordinal: 3 }, "hook #3"],
  ])("of %s has the ordinal", (type, data, name) => {
    expect(operationName(event(type, data))).toBe(name);
  });

  test.each(["step_completed", "wait_completed", "hook_received", "run_created", "a_later_version_wrote_it"])(
    "is null for %s, which creates none",
    (type) => {
      expect(operationName(event(type, { name: "charge", ordinal: 1 }))).toBeNull();
    },
  );
});
