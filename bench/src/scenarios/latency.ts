/** How soon a step begins: after a start, after a payload. Both are measured in the process that drives the run. */
import { getWorld, resumeHook, start, startWorker, type Worker } from "perdure/api";
import { type LogSize, logSize } from "../log-size.ts";
import { nextMark } from "../marks.ts";
import { measureSamples, type Sample } from "../samples.ts";
import type { ScenarioContext } from "../scenario.ts";
import { until } from "../until.ts";
import { inbox, marked } from "../workflows/waiting.ts";

export async function run(context: ScenarioContext): Promise<void> {
  const worker = await startWorker();
  if (context.order.scenario === "hook_resume") await hookResume(context, worker);
  else await startToFirstStep(context, worker);
  await worker.stop();
}

async function startToFirstStep(context: ScenarioContext, worker: Worker): Promise<void> {
  const sample: Sample = async (label) => {
    const began = nextMark(label);
    const startedAt = performance.now();
    const run = await start(marked, [label]);
    const ms = (await began) - startedAt;
    await run.returnValue;
    await until(() => worker.claimedCount === 0);
    return ms;
  };
  const run = await start(marked, ["size"]);
  await run.returnValue;
  const size = await logSize(await getWorld(), run.runId);
  // Three of the five events are written before the step begins, the creation among them, which is by far the largest.
  await measureSamples(context, sample, { commits: 1, bytes: size.bytes });
}

async function hookResume(context: ScenarioContext, worker: Worker): Promise<void> {
  const token = "bench-inbox";
  const run = await start(inbox, [token]);
  const idle = (): Promise<void> => until(() => worker.claimedCount === 0);
  const sample: Sample = async (label) => {
    await idle();
    const began = nextMark(label);
    const startedAt = performance.now();
    await resumeHook(token, label, { wait: "5s" });
    return (await began) - startedAt;
  };
  const before = await sizeWhenIdle(run.runId, idle);
  await sample("size");
  const after = await sizeWhenIdle(run.runId, idle);
  // The payload, and the step that it leads to: one append each, both before the step begins.
  await measureSamples(context, sample, { commits: 2, bytes: (after.bytes - before.bytes) / 2 });
  await resumeHook(token, "");
  await run.returnValue;
}

async function sizeWhenIdle(runId: string, idle: () => Promise<void>): Promise<LogSize> {
  await idle();
  return await logSize(await getWorld(), runId);
}
