/** The store behind a gate: a call waits until it is let through, and its answer is given or lost. */
import { StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";

/** A call that waits. */
interface Waiting {
  readonly name: string;
  /** Lets it through: the store applies it at once, and the caller is answered, or told that it cannot know. */
  readonly pass: (isLost: boolean) => void;
}

export class Gate {
  readonly world: World;
  readonly #callsMax: number;
  readonly #onSpent: () => void;
  #calls = 0;
  #waiting: Waiting[] = [];

  /** After `callsMax` calls nothing is called any more, and `onSpent` says so. */
  constructor(inner: World, callsMax: number, onSpent: () => void) {
    this.#callsMax = callsMax;
    this.#onSpent = onSpent;
    this.world = this.#behind(inner);
  }

  /** Calls that were let through or wait. */
  get calls(): number {
    return this.#calls;
  }

  /** What waits first. */
  get first(): string | null {
    return this.#waiting[0]?.name ?? null;
  }

  /** Lets the first call through. */
  pass(isLost: boolean): void {
    this.#waiting.shift()?.pass(isLost);
  }

  #behind(inner: World): World {
    const gated = <T>(name: string, apply: () => Promise<T>): Promise<T> => this.#wait(name, apply);
    return {
      ...inner,
      log: {
        read: (runId, range) => gated("read", () => inner.log.read(runId, range)),
        append: (runId, request) => gated("append", () => inner.log.append(runId, request)),
      },
      claims: {
        ...inner.claims,
        claim: (request) => gated("claim", () => inner.claims.claim(request)),
        release: (runId, request) => gated("release", () => inner.claims.release(runId, request)),
      },
      park: (runId, epoch, parked) => gated("park", () => inner.park(runId, epoch, parked)),
    };
  }

  #wait<T>(name: string, apply: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#calls >= this.#callsMax) {
      this.#onSpent();
      return promise;
    }
    this.#calls += 1;
    const pass = (isLost: boolean): void => {
      const answer = apply();
      if (isLost) {
        answer.catch(() => {});
        reject(new StoreError("STORE_UNAVAILABLE", "The answer was lost.", { outcome: "unknown" }));
      } else {
        answer.then(resolve, reject);
      }
    };
    this.#waiting.push({ name, pass });
    return promise;
  }
}
