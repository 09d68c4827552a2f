/** A worker of one build. It starts a run for each message. */
import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { getWorkflowMetadata, start, startWorker } from "@perdure/core";
import { createPostgresWorld } from "@perdure/world-postgres";
import { readModule, registerPrograms } from "../chaos/register-programs.ts";
import { type BodyLine, type FromWorker, ledgerPath, modulePath, readAssignment, type ToWorker } from "./assignment.ts";

/** Short enough for runs to be in each of their steps while workers are replaced. */
const bodyMs = 20;

const { folder, url, build } = readAssignment();
const module = readModule(modulePath(folder, build));

registerPrograms([module], async (step, args) => {
  const line: BodyLine = { run: getWorkflowMetadata().workflowRunId, step, args, build };
  appendFileSync(ledgerPath(folder), `${JSON.stringify(line)}\n`);
  await pause(bodyMs);
  return `${step} by ${build}`;
});

const tell = (message: FromWorker): void => void process.send?.(message);
const world = await createPostgresWorld({ url });
// Runs that are parked are the test's concern; it looks at their rows.
const worker = await startWorker({ world, leaseMs: 1_000, sweepMs: 100, onError: () => {} });
process.on("message", async ({ key }: ToWorker) => {
  const { runId } = await start({ workflowId: module.workflowId }, [], { key, world });
  tell({ kind: "started", key, runId });
});
process.once("SIGTERM", async () => {
  await worker.stop();
  await world.close();
  process.exit();
});
process.on("disconnect", () => process.exit());
tell({ kind: "working" });
