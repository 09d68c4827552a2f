/** A process of the fuzzing: runs a range of executions, and tells what it finds. A hang in it is ended from outside. */
import { openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { installCanary } from "./canary.ts";
import { type DefectName, defectiveSubject } from "./deliberate-defects.ts";
import { makeInput } from "./input.ts";
import { Judge, timeLimit, Violation } from "./judge.ts";
import type { ReaderMessage, ReaderOrder } from "./process-messages.ts";
import { PrototypeWatch } from "./prototypes.ts";
import { realSubject } from "./subject.ts";
import { addTo, emptyTally, type Tally } from "./tally.ts";

const order = JSON.parse(process.argv[2] ?? "") as ReaderOrder;
const subject = order.defect === null ? realSubject : defectiveSubject(order.defect as DefectName);
const indexFile = openSync(order.indexFile, "r+");
const current = new Int32Array(1);

/** How often every property of the prototypes is compared, and figures are sent. */
const batchSize = 250;
const warmUpCount = 300;

/** Processor time of the main thread, so that a busy machine slows nothing; wall time where Node does not know it. */
function threadMs(): number {
  if (typeof process.threadCpuUsage !== "function") return performance.now();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function send(message: ReaderMessage): void {
  process.send?.(message);
}

function runOne(judge: Judge, watch: PrototypeWatch, index: number, tally: Tally): void {
  const input = makeInput(order.seed, index);
  try {
    const verdict = judge.run(input);
    addTo(tally, input.kind, verdict);
    if (verdict.ms > timeLimit(verdict.bytes)) send({ type: "slow", index, ms: verdict.ms, bytes: verdict.bytes });
    if (watch.hasNewNames()) throw new Violation(`a new property ${watch.restore().join(", ")}`, { rule: "pollution" });
  } catch (error) {
    watch.restore();
    const rule = error instanceof Violation ? error.rule : "typed error";
    send({ type: "violation", index, rule, found: error instanceof Error ? error.message : String(error) });
  }
}

/** Finds which execution of a batch changed a property that was there before. */
function nameThePolluter(
  judge: Judge,
  watch: PrototypeWatch,
  from: number,
  to: number,
  changed: readonly string[],
): void {
  for (let index = from; index < to; index++) {
    runOne(judge, watch, index, emptyTally());
    const again = watch.restore();
    if (again.length > 0) {
      send({ type: "violation", index, rule: "pollution", found: `another ${again.join(", ")}` });
      return;
    }
  }
  send({
    type: "violation",
    index: from,
    rule: "pollution",
    found: `another ${changed.join(", ")}, in one of ${to - from}`,
  });
}

function warmUp(): void {
  const judge = new Judge(realSubject, () => 0);
  for (let index = 0; index < warmUpCount; index++) judge.run(makeInput(order.seed + 1, index));
}

async function run(): Promise<void> {
  installCanary();
  if (order.alone) warmUp();
  const watch = new PrototypeWatch();
  const judge = new Judge(subject, order.alone ? threadMs : () => performance.now());
  for (let from = order.from; from < order.to; from += batchSize) {
    const to = Math.min(order.to, from + batchSize);
    const tally = emptyTally();
    for (let index = from; index < to; index++) {
      current[0] = index;
      writeSync(indexFile, current, 0, 4, 0);
      runOne(judge, watch, index, tally);
    }
    const changed = watch.restore();
    if (changed.length > 0) nameThePolluter(judge, watch, from, to, changed);
    send({ type: "tally", tally });
    // Only between two batches is it noticed that nobody waits for the figures any more.
    await setImmediate();
  }
}

const leave = (): void => process.exit(1);
process.once("disconnect", leave);
await run();
process.off("disconnect", leave);
process.disconnect();
