/** The judgement over the ledger of step bodies. Pure. */
import type { LedgerEntry } from "../crash/ledger.ts";

/** What the log says of an attempt: it may start, or its step is over with it. */
export interface StepLine {
  readonly run_id: string;
  readonly step: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly is_over: boolean;
}

/** For {@link judgeBodies}: the attempts that the logs allow to start, and the ones that ended their step. */
export const stepLinesSql = `SELECT run_id, correlation_id AS step, type IN ('step_completed', 'step_failed') AS is_over,
  CASE WHEN type = 'step_created' THEN 1 ELSE (data::json->>'attempt')::int END AS attempt,
  CASE WHEN type IN ('step_created', 'step_retrying') THEN 1 ELSE (data::json->>'delivery')::int END AS delivery
FROM perdure.events WHERE type IN ('step_created', 'step_started', 'step_retrying', 'step_completed', 'step_failed')`;

export interface BodyVerdict {
  /** Every promise that was broken, as a sentence. */
  readonly broken: readonly string[];
  readonly begun: number;
  /** Bodies that began again in a later delivery, because their worker was lost. */
  readonly begunAgain: number;
  /** Bodies of a worker that had been taken over and could not know: what at least once means. */
  readonly begunLate: number;
}

type Begin = Extract<LedgerEntry, { readonly kind: "begin" | "done" }>;

/** Walks through the ledger in its order. */
export function judgeBodies(ledger: readonly LedgerEntry[], lines: readonly StepLine[]): BodyVerdict {
  const bodies = new Bodies(lines);
  for (const entry of ledger) bodies.read(entry);
  const { broken, begun, begunLate } = bodies;
  const attempts = new Set([...begun].map((start) => start.slice(0, start.lastIndexOf(" "))));
  return { broken, begun: begun.size, begunAgain: begun.size - attempts.size, begunLate };
}

class Bodies {
  readonly broken: string[] = [];
  /** `run step attempt delivery` of every body that began. */
  readonly begun = new Set<string>();
  begunLate = 0;
  readonly #allowed = new Set<string>();
  readonly #ends = new Map<string, StepLine>();
  readonly #over = new Set<string>();
  /** Which process was given an epoch of a run. */
  readonly #owners = new Map<string, number>();

  constructor(lines: readonly StepLine[]) {
    for (const line of lines) {
      const step = `${line.run_id} ${line.step}`;
      if (line.is_over) this.#ends.set(step, line);
      else this.#allowed.add(`${step} ${line.attempt} ${line.delivery}`);
    }
  }

  read(entry: LedgerEntry): void {
    if (entry.kind === "ack" && entry.final) this.#over.add(`${entry.run} ${entry.step}`);
    else if (entry.kind === "claim") this.#claimed(`${entry.run} ${entry.epoch}`, entry.pid);
    else if (entry.kind === "begin") this.#begin(entry);
  }

  #claimed(claim: string, pid: number): void {
    const owner = this.#owners.get(claim) ?? pid;
    this.#owners.set(claim, owner);
    if (owner !== pid) this.broken.push(`Run and epoch ${claim} were given to two processes.`);
  }

  #begin(entry: Begin): void {
    const step = `${entry.run} ${entry.step}`;
    const start = `${step} ${entry.attempt} ${entry.delivery}`;
    if (this.begun.has(start)) this.broken.push(`The body ${start} began twice in one delivery.`);
    if (!this.#allowed.has(start)) {
      this.broken.push(`The body ${start} began without a record of that attempt and delivery.`);
    }
    this.begun.add(start);
    if (!this.#over.has(step)) return;
    if (isEarlier(entry, this.#ends.get(step))) this.begunLate += 1;
    else this.broken.push(`The body ${start} began after the result of its step was acknowledged.`);
  }
}

/** Somebody else had started a later delivery by then, and that one ended the step. */
function isEarlier({ attempt, delivery }: Begin, end: StepLine | undefined): boolean {
  return end !== undefined && (attempt < end.attempt || (attempt === end.attempt && delivery < end.delivery));
}
