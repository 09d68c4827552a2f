/** A step that ends when the test lets it: it goes on in the process that the test has opened a gate for. */
import { setTimeout as pause } from "node:timers/promises";
import { getWorkflowMetadata } from "perdure";
import { folder, isGateOpen } from "./gates.ts";
import { Journal } from "./journal.ts";

const journal = new Journal(folder());

export async function leg(index: number): Promise<number> {
  "use step";
  const { workflowRunId: run } = getWorkflowMetadata();
  journal.write({ kind: "begin", run, index });
  while (!isGateOpen(run, index)) await pause(10);
  journal.write({ kind: "end", run, index });
  return process.pid;
}
