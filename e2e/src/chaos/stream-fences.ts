/** Which executions of steps may write to streams no more, by what the ledger says. */
import type { Batch } from "./chunk-text.ts";
import type { ChaosEntry } from "./ledger-entries.ts";

type Turn = Pick<Batch, "attempt" | "delivery">;

/** Above 0 when `a` is the later one. */
export const compareTurns = (a: Turn, b: Turn): number => a.attempt - b.attempt || a.delivery - b.delivery;

/** Which executions are known to be stale by an entry of the ledger: what they send from then on must not be stored. */
export class Fences {
  readonly #background: ReadonlySet<string>;
  readonly #endedRuns = new Set<string>();
  readonly #overSteps = new Set<string>();
  /** The earliest execution of each step that may write, as far as the log says. */
  readonly #current = new Map<string, Turn>();
  /** The latest execution of each step that has written, by stream. */
  readonly #marks = new Map<string, Turn>();

  constructor(background: ReadonlySet<string>) {
    this.#background = background;
  }

  read(entry: ChaosEntry): void {
    if (entry.kind === "end") this.#endedRuns.add(entry.run);
    else if (entry.kind === "ack") {
      const step = `${entry.run} ${entry.step}`;
      if (entry.final) this.#overSteps.add(step);
      else raise(this.#current, step, { attempt: entry.attempt + 1, delivery: 1 });
    } else if (entry.kind === "begin") {
      const step = `${entry.run} ${entry.step}`;
      const { attempt, delivery } = entry;
      raise(this.#current, step, { attempt, delivery: this.#background.has(step) ? 1 : delivery });
    } else if (entry.kind === "wrote") raise(this.#marks, `${entry.run} ${entry.step} ${entry.stream}`, entry);
  }

  isStale(batch: Batch): boolean {
    const step = `${batch.run} ${batch.step}`;
    if (this.#endedRuns.has(batch.run) || this.#overSteps.has(step)) return true;
    const known = [this.#current.get(step), this.#marks.get(`${step} ${batch.stream}`)];
    return known.some((turn) => turn !== undefined && compareTurns(batch, turn) < 0);
  }
}

function raise(turns: Map<string, Turn>, key: string, { attempt, delivery }: Turn): void {
  const known = turns.get(key);
  if (known === undefined || compareTurns(known, { attempt, delivery }) < 0) turns.set(key, { attempt, delivery });
}
