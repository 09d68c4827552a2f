/** The judgement over ledger and logs. Pure. */
import type { LogEvent } from "@perdure/world";
import type { LedgerEntry } from "./ledger.ts";

export interface Verdict {
  /** Every promise that was broken, as a sentence. */
  readonly broken: readonly string[];
  /** Bodies that began, of how many steps, and how many steps were acknowledged as over. */
  readonly begun: number;
  readonly steps: number;
  readonly acknowledged: number;
  /** Bodies that began for an attempt that had begun before, and those whose earlier one had even come to its end. */
  readonly begunAgain: number;
  readonly doneAndBegunAgain: number;
  /** The most often that one attempt began; the engine gives a step up after ten. */
  readonly deliveriesMost: number;
}

/** `logs`: the whole log of each run, by its id. */
export function judge(ledger: readonly LedgerEntry[], logs: ReadonlyMap<string, readonly LogEvent[]>): Verdict {
  const bodies = new Bodies();
  for (const entry of ledger) bodies.read(entry);
  const allowed = new Set<string>();
  const broken = [...bodies.broken];
  for (const [runId, log] of logs) {
    broken.push(...judgeLog(runId, log));
    for (const start of allowedStarts(log)) allowed.add(`${runId} ${start}`);
  }
  for (const start of bodies.starts) {
    if (!allowed.has(start)) broken.push(`The body ${start} began without a record of that attempt and delivery.`);
  }
  return { ...bodies.tally(), broken };
}

/** Walks through the ledger in its order. */
class Bodies {
  readonly broken: string[] = [];
  /** `run step attempt delivery` of every body that began. */
  readonly starts = new Set<string>();
  /** How often each attempt began. */
  readonly #begun = new Map<string, number>();
  readonly #done = new Set<string>();
  readonly #steps = new Set<string>();
  readonly #over = new Set<string>();
  readonly #failed = new Set<string>();
  #doneAndBegunAgain = 0;

  read(entry: LedgerEntry): void {
    if (entry.kind === "run" || entry.kind === "claim") return;
    const step = `${entry.run} ${entry.step}`;
    const attempt = `${step} ${entry.attempt}`;
    if (entry.kind === "done") this.#done.add(attempt);
    else if (entry.kind === "ack") entry.final ? this.#over.add(step) : this.#failed.add(attempt);
    else this.#begin(step, attempt, `${attempt} ${entry.delivery}`);
  }

  #begin(step: string, attempt: string, start: string): void {
    if (this.#over.has(step))
      this.broken.push(`The body ${start} began after the result of its step was acknowledged.`);
    if (this.#failed.has(attempt)) this.broken.push(`The body ${start} began after its failure was acknowledged.`);
    if (this.starts.has(start)) this.broken.push(`The body ${start} began twice in one delivery.`);
    if (this.#done.has(attempt)) this.#doneAndBegunAgain += 1;
    this.starts.add(start);
    this.#steps.add(step);
    this.#begun.set(attempt, (this.#begun.get(attempt) ?? 0) + 1);
  }

  tally(): Omit<Verdict, "broken"> {
    const counts = [...this.#begun.values()];
    return {
      begun: counts.reduce((sum, count) => sum + count, 0),
      steps: this.#steps.size,
      acknowledged: this.#over.size,
      begunAgain: counts.reduce((sum, count) => sum + count - 1, 0),
      doneAndBegunAgain: this.#doneAndBegunAgain,
      deliveriesMost: counts.reduce((most, count) => Math.max(most, count), 0),
    };
  }
}

/** `step attempt delivery` of every body that the log allows to begin. */
function allowedStarts(log: readonly LogEvent[]): readonly string[] {
  return log.flatMap((event) => {
    if (event.type === "step_created") return [`${event.correlationId} 1 1`];
    if (event.type === "step_retrying") return [`${event.correlationId} ${event.data.attempt} 1`];
    if (event.type === "step_started") return [`${event.correlationId} ${event.data.attempt} ${event.data.delivery}`];
    return [];
  });
}

function judgeLog(runId: string, log: readonly LogEvent[]): readonly string[] {
  const broken: string[] = [];
  const over = new Set<string>();
  for (const [index, event] of log.entries()) {
    if (event.position !== index + 1) broken.push(`Position ${index + 1} of ${runId} holds event ${event.position}.`);
    if (event.type !== "step_completed" && event.type !== "step_failed") continue;
    const step = String(event.correlationId);
    if (over.has(step)) broken.push(`Step ${step} of ${runId} is over twice in the log.`);
    over.add(step);
  }
  const last = log.at(-1)?.type;
  if (last !== "run_completed") broken.push(`The log of ${runId} ends with ${last ?? "nothing"}.`);
  return broken;
}
