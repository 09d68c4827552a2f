/** The judgement over the ledger of step bodies. Pure. */
import type { ChaosEntry } from "./ledger-entries.ts";

/** What the log says of an attempt: it may start, or its step is over with it. Of a background step, deliveries are not in it. */
export interface StepLine {
  readonly run_id: string;
  readonly step: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly is_over: boolean;
  readonly is_background: boolean;
}

/** For {@link judgeBodies}: the attempts that the logs allow to start, and the ones that ended their step. */
export const stepLinesSql = `SELECT run_id, correlation_id AS step, type IN ('step_completed', 'step_failed') AS is_over,
  CASE WHEN type = 'step_created' THEN 1 ELSE (data::json->>'attempt')::int END AS attempt,
  CASE WHEN type IN ('step_created', 'step_retrying') THEN 1 ELSE (data::json->>'delivery')::int END AS delivery,
  type = 'step_created' AND data::json->>'dispatch' = 'background' AS is_background
FROM perdure.events WHERE type IN ('step_created', 'step_started', 'step_retrying', 'step_completed', 'step_failed')`;

export interface BodyVerdict {
  /** Every promise that was broken, as a sentence. */
  readonly broken: readonly string[];
  readonly begun: number;
  readonly begunInBackground: number;
  /** Bodies that began again in a later delivery, because their worker was lost. */
  readonly begunAgain: number;
  /** Bodies of a worker that had been taken over and could not know: what at least once means. */
  readonly begunLate: number;
}

type Begin = Extract<ChaosEntry, { readonly kind: "begin" | "done" }>;

/** Walks through the ledger in its order. */
export function judgeBodies(ledger: readonly ChaosEntry[], lines: readonly StepLine[]): BodyVerdict {
  const bodies = new Bodies(lines);
  for (const entry of ledger) bodies.read(entry);
  const { broken, begun, begunLate, background } = bodies;
  const attempts = new Set([...begun].map((start) => start.slice(0, start.lastIndexOf(" "))));
  return {
    broken,
    begun: begun.size,
    begunInBackground: [...begun].filter((start) => background.has(stepIn(start))).length,
    begunAgain: begun.size - attempts.size,
    begunLate,
  };
}

const stepIn = (start: string): string => start.split(" ").slice(0, 2).join(" ");

/** `run step` of every background step. */
export function backgroundSteps(lines: readonly StepLine[]): ReadonlySet<string> {
  return new Set(lines.filter((line) => line.is_background).map((line) => `${line.run_id} ${line.step}`));
}

class Bodies {
  readonly broken: string[] = [];
  /** `run step attempt delivery` of every body that began. */
  readonly begun = new Set<string>();
  begunLate = 0;
  readonly background: ReadonlySet<string>;
  readonly #allowed = new Set<string>();
  readonly #ends = new Map<string, StepLine>();
  readonly #over = new Set<string>();
  /** Which process was given an epoch of a run, or a delivery of a background step. */
  readonly #owners = new Map<string, number>();

  constructor(lines: readonly StepLine[]) {
    this.background = backgroundSteps(lines);
    for (const line of lines) {
      const step = `${line.run_id} ${line.step}`;
      if (line.is_over) this.#ends.set(step, line);
      else this.#allowed.add(`${step} ${line.attempt} ${line.delivery}`);
    }
  }

  read(entry: ChaosEntry): void {
    if (entry.kind === "ack" && entry.final) this.#over.add(`${entry.run} ${entry.step}`);
    else if (entry.kind === "claim") this.#given(`Run and epoch ${entry.run} ${entry.epoch}`, entry.pid);
    else if (entry.kind === "take") this.#given(deliveryText(entry), entry.pid);
    else if (entry.kind === "begin") this.#begin(entry);
  }

  #given(what: string, pid: number): void {
    const owner = this.#owners.get(what) ?? pid;
    this.#owners.set(what, owner);
    if (owner !== pid) this.broken.push(`${what} was given to two processes.`);
  }

  /** A delivery of a background step is its worker's that has taken it; the log knows the attempt. */
  #mayBegin(entry: Begin, step: string): boolean {
    if (!this.background.has(step)) return this.#allowed.has(`${step} ${entry.attempt} ${entry.delivery}`);
    return this.#allowed.has(`${step} ${entry.attempt} 1`) && this.#owners.get(deliveryText(entry)) === entry.pid;
  }

  #begin(entry: Begin): void {
    const step = `${entry.run} ${entry.step}`;
    const start = `${step} ${entry.attempt} ${entry.delivery}`;
    if (this.begun.has(start)) this.broken.push(`The body ${start} began twice in one delivery.`);
    if (!this.#mayBegin(entry, step)) {
      this.broken.push(`The body ${start} began without a record of that attempt and delivery.`);
    }
    this.begun.add(start);
    if (!this.#over.has(step)) return;
    if (isEarlier(entry, this.#ends.get(step))) this.begunLate += 1;
    else this.broken.push(`The body ${start} began after the result of its step was acknowledged.`);
  }
}

const deliveryText = ({ run, step, attempt, delivery }: Pick<Begin, "run" | "step" | "attempt" | "delivery">): string =>
  `The delivery ${run} ${step} ${attempt} ${delivery}`;

/** Somebody else had started a later delivery by then, and that one ended the step. */
function isEarlier({ attempt, delivery }: Begin, end: StepLine | undefined): boolean {
  return end !== undefined && (attempt < end.attempt || (attempt === end.attempt && delivery < end.delivery));
}
