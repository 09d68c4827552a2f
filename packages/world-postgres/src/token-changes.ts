/** What an append does to the tokens of hooks, and what it takes for granted about them. */
import { type Admitted, isEnded, type LogEvent } from "@perdure/world";

/** A token that a hook of the run holds after the append, and did not before. */
interface TakenToken {
  readonly tokenHash: string;
  readonly correlationId: string;
  readonly position: number;
}

/** The changes that are left when what one append both takes and frees is left out. */
export interface TokenChanges {
  /** Every token of the run: it has ended. */
  readonly droppedAll: boolean;
  /** The hooks whose tokens are freed. */
  readonly dropped: readonly string[];
  readonly taken: readonly TakenToken[];
}

const noChanges: TokenChanges = { droppedAll: false, dropped: [], taken: [] };

const isOfHook = ({ type }: LogEvent): boolean => type === "hook_created" || type === "hook_disposed";

export function tokenChanges({ events, run, fork }: Admitted): TokenChanges {
  if (isEnded(run.status)) return { droppedAll: fork.mayHoldTokens, dropped: [], taken: [] };
  if (!events.some(isOfHook)) return noChanges;
  const taken = new Map<string, TakenToken>();
  const dropped: string[] = [];
  for (const event of events) {
    if (event.type === "hook_created") take(taken, event);
    else if (event.type === "hook_disposed" && event.correlationId !== null && !taken.delete(event.correlationId)) {
      dropped.push(event.correlationId);
    }
  }
  return { droppedAll: false, dropped, taken: [...taken.values()] };
}

function take(taken: Map<string, TakenToken>, event: Extract<LogEvent, { readonly type: "hook_created" }>): void {
  const { correlationId, position } = event;
  if (correlationId !== null) taken.set(correlationId, { tokenHash: event.data.tokenHash, correlationId, position });
}

/** The tokens that a judgement took for free, and those that it took for held, with the runs that hold them. */
export interface AssumedTokens {
  readonly free: readonly string[];
  readonly held: readonly (readonly [tokenHash: string, holder: string])[];
}

const nothing: AssumedTokens = { free: [], held: [] };

/**
 * Who holds which token, as far as it was looked up; a token that was not counts as free, as nearly every one is. All
 * that was asked goes with the write, which holds it against the tokens as they are.
 */
export class TokenOwners {
  readonly #known = new Map<string, string | null>();
  readonly #asked = new Set<string>();

  /** Forget what was asked, before the rules judge again. */
  ask(): (tokenHash: string) => string | null {
    this.#asked.clear();
    return (tokenHash) => {
      this.#asked.add(tokenHash);
      return this.#known.get(tokenHash) ?? null;
    };
  }

  get asked(): readonly string[] {
    return [...this.#asked];
  }

  /** Whether every answer was looked up, and none assumed. */
  get isKnown(): boolean {
    return this.asked.every((tokenHash) => this.#known.has(tokenHash));
  }

  /** The tokens that were asked for have these holders, by hash; those that are missing are free. */
  learn(holders: ReadonlyMap<string, string>): void {
    for (const tokenHash of this.#asked) this.#known.set(tokenHash, holders.get(tokenHash) ?? null);
  }

  /** What the judgement rests on. */
  get assumed(): AssumedTokens {
    if (this.#asked.size === 0) return nothing;
    const free: string[] = [];
    const held: (readonly [string, string])[] = [];
    for (const tokenHash of this.#asked) {
      const holder = this.#known.get(tokenHash) ?? null;
      if (holder === null) free.push(tokenHash);
      else held.push([tokenHash, holder]);
    }
    return { free, held };
  }
}
