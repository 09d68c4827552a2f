/** Lets those who name the same key go one after the other, in the order in which they came. */
export class KeyedTurns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `action` when all earlier ones of the key have ended, however they did. */
  async take<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    try {
      await before;
      return await action();
    } finally {
      resolve();
      if (this.#last.get(key) === promise) this.#last.delete(key);
    }
  }
}
