/**
 * The demonstration: starts a worker, kills it half-way, starts another, answers the question that the workflow asks, and judges
 * from the ledger whether any step ran again that should not have. This process is a client: it runs no workflow and no step.
 */
import { mkdirSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { styleText } from "node:util";
import { closeWorld, getRun, getWorld, resumeHook, type World } from "perdure/api";
import { type Approval, approvalToken } from "./src/approval.ts";
import { readLedger } from "./src/ledger.ts";
import { ledgerPath, projectFolder, reportPath, repositoryFolder, stateFolder } from "./src/places.ts";
import { ProgressBar } from "./src/progress-bar.ts";
import { headline, reportHead } from "./src/report.ts";
import { RunLog } from "./src/run-log.ts";
import type { Summary } from "./src/summary.ts";
import { judge, type Verdict } from "./src/verdict.ts";
import { WorkerProcess } from "./src/worker-process.ts";

const startedAt = performance.now();
const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
const say = (label: string, text: string): void => console.log(`${label.padEnd(14)}${text}`);
const nameOf = (path: string): string => relative(repositoryFolder, path);

console.log("One durable run audits the packages of this clone. Its worker is killed half-way.\n");
process.chdir(projectFolder);
for (const path of [stateFolder, reportPath]) rmSync(path, { recursive: true, force: true });
mkdirSync(stateFolder);
const world = await getWorld();

const first = new WorkerProcess();
const log = await openLog(first, world);
await watch(first, log, () => log.recorded.size >= log.stepCount / 2);
await first.kill();
await log.refresh();
const recorded = new Set(log.recorded);
say("SIGKILL", `worker ${first.pid} is gone after ${seconds()}; the next one goes on when its claim has run out`);

const second = new WorkerProcess();
await watch(second, log, () => log.isAsking);
const approval: Approval = { approved: true, by: "the demonstration" };
const { runId } = await resumeHook(approvalToken, approval);
await second.finished();
const summary = await getRun<Summary>(runId).returnValue;
await closeWorld();
say("approval", `given by ${approval.by}, through the hook`);
say("report", `${headline(summary)}: ${nameOf(reportPath)}, after ${seconds()}`);

console.log(`\n${reportHead(summary)}\n`);
const verdict = judge(readLedger(), first.pid, recorded);
process.exitCode = print(verdict) ? 0 : 1;

/** The log of the run, as soon as the worker has started one. */
async function openLog(worker: WorkerProcess, world: World): Promise<RunLog> {
  let runId: string | undefined;
  await worker.until(async () => {
    const [run] = (await world.runs.list({ limit: 1 })).items;
    runId = run?.runId;
    return runId !== undefined;
  });
  return new RunLog(world, runId ?? "");
}

/** Shows the progress of the run until something has happened in it. */
async function watch(worker: WorkerProcess, log: RunLog, happened: () => boolean): Promise<void> {
  const bar = new ProgressBar(`worker ${worker.pid}`.padEnd(12), process.stdout);
  await worker.until(async () => {
    await log.refresh();
    bar.show(log.recorded.size, log.stepCount);
    return log.stepCount > 1 && happened();
  });
  bar.end();
}

/** Prints the judgement; true: every promise was kept. */
function print({ recordedBefore, finishedAfter, inFlight, doneUnrecorded, repeated, unfinished }: Verdict): boolean {
  const kept = repeated.length === 0 && unfinished.length === 0;
  const line = (text: string, count: number): void => console.log(`${text.padEnd(48)}${String(count).padStart(4)}`);
  line("steps on record when the worker was killed", recordedBefore);
  line("steps that finished after it, in another worker", finishedAfter);
  line("bodies in flight at the kill, which ran again", inFlight);
  line("  of these, done but not yet on record", doneUnrecorded);
  line("steps on record whose body started again", repeated.length);
  for (const subject of unfinished) console.log(`never finished: ${subject}`);
  const text = kept ? "No step that was on record ran twice" : "A promise was broken";
  console.log(styleText(kept ? "green" : "red", `\n${text}; judged from ${nameOf(ledgerPath)}. ${seconds()} in all.`));
  return kept;
}
