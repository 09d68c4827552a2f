/**
 * From a call to the result that it leads to, as the caller sees it. The worker is in the same process, or, in `remote_*`,
 * in another one, which hears of the run by a notification and tells of its end by another.
 */
import { invariant } from "@perdure/errors";
import { getWorld, type Run, resumeHook, start, startWorker } from "perdure/api";
import { logSize } from "../log-size.ts";
import { measureSamples } from "../samples.ts";
import type { ScenarioContext } from "../scenario.ts";
import { until } from "../until.ts";
import { inSequence, plain } from "../workflows/echo.ts";
import { answered } from "../workflows/waiting.ts";

/** A call whose result is waited for, once everything that goes before it is done. */
interface Prepared {
  /** Bytes of the run's log before the call. */
  readonly bytes: number;
  readonly call: () => Promise<Run<unknown>>;
}

type Preparation = (label: string) => Promise<Prepared>;

const preparations: Readonly<Record<string, Preparation>> = {
  no_steps: async () => ({ bytes: 0, call: () => start(plain, [1]) }),
  remote_run: async () => ({ bytes: 0, call: () => start(inSequence, [1]) }),
  hook_to_end: waiting,
  remote_hook: waiting,
};

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, part, directory } = context.order;
  if (part !== null) {
    const stop = await ownWorker();
    await context.serve();
    await stop();
    return;
  }
  const stop = scenario.startsWith("remote_")
    ? await context.startPart({ name: "worker", size: 1, directory })
    : await ownWorker();
  const prepare = preparations[scenario];
  invariant(prepare !== undefined, `Scenario ${scenario} has nothing that could be called.`);
  await measureSamples(context, (label) => sample(prepare, label), { commits: 1, bytes: await bytesWritten(prepare) });
  await stop();
}

async function ownWorker(): Promise<() => Promise<void>> {
  const worker = await startWorker();
  return () => worker.stop();
}

async function sample(prepare: Preparation, label: string): Promise<number> {
  const { call } = await prepare(label);
  const startedAt = performance.now();
  await (await call()).returnValue;
  return performance.now() - startedAt;
}

/** The bytes that are written between the call and the result. */
async function bytesWritten(prepare: Preparation): Promise<number> {
  const { bytes, call } = await prepare("size");
  const run = await call();
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes - bytes;
}

/** A run that waits for a payload, and that no worker holds; the payload ends it. */
async function waiting(token: string): Promise<Prepared> {
  const run = await start(answered, [token]);
  const world = await getWorld();
  await until(async () => {
    const row = await world.runs.get(run.runId);
    return row !== null && row.owner === null && row.wakeAt === null;
  });
  const { bytes } = await logSize(world, run.runId);
  const call = async (): Promise<Run<unknown>> => {
    await resumeHook(token, token);
    return run;
  };
  return { bytes, call };
}
