/** A worker among others that are killed, suspended and cut off. It starts the runs that it is told to start. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { getStepMetadata, getWorkflowMetadata, start, startWorker } from "@perdure/core";
import type { World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import { PerdureError, RunParkedError, StoreError } from "perdure/errors";
import { answerOf, errorOf, type StepAnswer } from "perdure-sim/step-bodies";
import { Ledger } from "../crash/ledger.ts";
import { ledgerPath, programsPath, readAssignment } from "./assignment.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";
import type { FromWorker, RunOrder } from "./messages.ts";
import { type BuiltModule, registerPrograms } from "./register-programs.ts";
import { traitsOf, writesStreams } from "./step-traits.ts";
import { BodyStreams } from "./stream-writer.ts";
import { witnessedWorld } from "./witnessed-world.ts";

/** A body takes no longer, and a retry waits no longer. */
const bodyMsMax = 40;
const retryMsMax = 120;
/** One in so many steps that write takes its time, and writes so often: its worker may well be taken over in the middle. */
const slowWriters = 4;
const slowWriterMs = 400;
const slowWrites = 4;

const { folder, url, settings } = readAssignment();
const ledger = new Ledger<UnsignedChaosEntry>(ledgerPath(folder));

const tell = (message: FromWorker): void => void process.send?.(message);

async function body(world: World, name: string, args: readonly unknown[]): Promise<unknown> {
  const { stepId: step, attempt, delivery } = getStepMetadata();
  const entry = { run: getWorkflowMetadata().workflowRunId, step, attempt, delivery };
  ledger.write({ kind: "begin", ...entry });
  const answer = answerOf(name, args, attempt);
  if (writesStreams(name) && !isSilent(entry)) await write(new BodyStreams(world.streams, ledger, entry), step, answer);
  else await pause(Math.min(answer.latencyMs, bodyMsMax));
  ledger.write({ kind: "done", ...entry });
  if (answer.kind === "value") return answer.value;
  const retryAfterMs = Math.min(answer.retryAfterMs ?? retryMsMax, retryMsMax);
  throw errorOf(answer.kind === "error" ? { ...answer, kind: "retryable", retryAfterMs } : { ...answer, retryAfterMs });
}

/** Where the heirs of a lost body write nothing, a stale one can be told by the log alone, and by no later chunk. */
const isSilent = ({ step, delivery }: { readonly step: string; readonly delivery: number }): boolean =>
  delivery > 1 && step.charCodeAt(step.length - 2) % 2 === 0;

async function write(streams: BodyStreams, step: string, { kind, latencyMs }: StepAnswer): Promise<void> {
  const isSlow = step.charCodeAt(step.length - 1) % slowWriters === 0;
  const [ms, count] = isSlow ? [slowWriterMs, slowWrites] : [Math.min(latencyMs, bodyMsMax), 1];
  for (let index = 0; index < count; index += 1) {
    await streams.work();
    await pause(ms / count);
  }
  await (kind === "value" ? streams.finish() : streams.work());
}

const isStandstill = (error: unknown): boolean => PerdureError.is(error) && error.code === "WORKER_STUCK";

/** Nothing here takes back what was acknowledged, so nothing may be taken for that. */
const isFailure = (error: unknown): boolean => StoreError.is(error) && error.code !== "STORE_RESTORED";

/** A worker tells of stores that fail, of runs over which workers were lost, and that it stood still; anything else is a defect. */
function judgeError(error: unknown): void {
  if (isFailure(error) || isStandstill(error) || (RunParkedError.is(error) && error.reason === "stalled")) return;
  process.stderr.write(`${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}\n`);
}

const modules = JSON.parse(readFileSync(programsPath(folder), "utf8")) as readonly BuiltModule[];
process.on("disconnect", () => process.exit());
try {
  const world = witnessedWorld(await createPostgresWorld({ url, timeoutMs: 5_000 }), ledger);
  registerPrograms(modules, (name, args) => body(world, name, args), traitsOf);
  const { id } = await startWorker({ world, ...settings, onConsole: () => {}, onError: judgeError });
  process.on("message", ({ key, program, inputs }: RunOrder) => {
    const workflowId = modules[program]?.workflowId ?? "";
    start({ workflowId }, [inputs], { key, world }).then(
      ({ runId }) => tell({ kind: "started", key, runId }),
      (error: unknown) => judgeError(error),
    );
  });
  tell({ kind: "working", id });
} catch (error) {
  // A worker that finds no store ends, and whoever runs it starts it again.
  judgeError(error);
  process.exit(1);
}
