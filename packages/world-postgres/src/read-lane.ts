/**
 * Small reads that are asked for together travel in one statement.
 *
 * At most a few statements are under way at a time; what is asked for meanwhile goes with the next one, and what is asked
 * for while there is room goes at once. An answer is as it would be if its statement had been sent for it alone: it is
 * sent after the call.
 */

/** How many keys go in one statement, and how many statements are under way at a time. */
const keysMax = 256;
const statementsMax = 2;

interface Waiting<K, V> {
  readonly key: K;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

export class ReadLane<K, V> {
  readonly #readAll: (keys: readonly K[]) => Promise<readonly V[]>;
  #waiting: Waiting<K, V>[] = [];
  #sending = 0;

  /** `readAll` answers in the order of the keys. */
  constructor(readAll: (keys: readonly K[]) => Promise<readonly V[]>) {
    this.#readAll = readAll;
  }

  read(key: K): Promise<V> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      if (this.#sending === statementsMax) return;
      this.#sending += 1;
      // What else is asked for in this turn of the event loop goes along.
      setImmediate(() => void this.#sendAll());
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, keysMax);
      this.#waiting = this.#waiting.slice(keysMax);
      await this.#send(batch);
    }
    this.#sending -= 1;
  }

  async #send(batch: readonly Waiting<K, V>[]): Promise<void> {
    try {
      const values = await this.#readAll(batch.map(({ key }) => key));
      for (const [index, { resolve }] of batch.entries()) resolve(values[index] as V);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
