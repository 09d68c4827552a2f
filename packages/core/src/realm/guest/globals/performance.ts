/** `performance` on the log clock: milliseconds since the run was started. */
import { UnavailableInWorkflowContextError } from "@perdure/errors";
import { currentOrNull } from "../orchestrator-context.ts";
import { defineGlobal } from "./define.ts";

const unavailableMembers = ["getEntries", "getEntriesByName", "getEntriesByType", "mark", "measure", "timerify"];

export function installPerformance(): void {
  const performance = {
    now(): number {
      const context = currentOrNull();
      return context === null ? 0 : context.at - context.startedAt;
    },
    get timeOrigin(): number {
      return currentOrNull()?.startedAt ?? 0;
    },
  };
  for (const name of unavailableMembers) {
    Object.defineProperty(performance, name, {
      value: () => {
        throw new UnavailableInWorkflowContextError(`performance.${name}`, "Measure time in a step.");
      },
    });
  }
  defineGlobal("performance", performance);
}
