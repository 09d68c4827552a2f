/** Steps that end when the test lets them: they go on in the process that the test has opened a gate for. */
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

/** A leg during which nothing else of its process goes on. */
export async function block(index: number): Promise<number> {
  "use step";
  const { workflowRunId: run } = getWorkflowMetadata();
  journal.write({ kind: "begin", run, index });
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (!isGateOpen(run, index)) Atomics.wait(nothing, 0, 0, 10);
  journal.write({ kind: "end", run, index });
  return process.pid;
}

/** A leg that any worker with room in the queue runs, whoever drives. */
export async function haul(index: number): Promise<number> {
  "use step";
  const { workflowRunId: run } = getWorkflowMetadata();
  journal.write({ kind: "begin", run, index });
  while (!isGateOpen(run, index)) await pause(10);
  journal.write({ kind: "end", run, index });
  return process.pid;
}
haul.dispatch = "background";
haul.queue = "haul";
