/** A worker of one build. It starts a run for each message. */
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { getWorkflowMetadata, start, startWorker } from "@perdure/core";
import { createPostgresWorld } from "@perdure/world-postgres";
import { readModule, registerPrograms } from "../chaos/register-programs.ts";
import {
  type BodyLine,
  type FromWorker,
  gatedCharge,
  gatePath,
  ledgerPath,
  modulePath,
  readAssignment,
  type ToWorker,
} from "./assignment.ts";

const bodyMs = 20;

/** Bodies that wait at the gate do not end while their worker stops. */
const graceMs = 200;

const { folder, url, build } = readAssignment();
const module = readModule(modulePath(folder, build));

registerPrograms([module], async (step, args) => {
  const line: BodyLine = { run: getWorkflowMetadata().workflowRunId, step, args, build };
  appendFileSync(ledgerPath(folder), `${JSON.stringify(line)}\n`);
  const isGated = step === "charge" && args[0] === gatedCharge;
  do await pause(bodyMs);
  while (isGated && !existsSync(gatePath(folder)));
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
  await worker.stop({ graceMs });
  await world.close();
  process.exit();
});
process.on("disconnect", () => process.exit());
tell({ kind: "working" });
