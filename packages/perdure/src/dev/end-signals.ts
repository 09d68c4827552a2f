/** The signals that tell `perdure dev` to end, from the first moment on: a server that is being started is not left half-way. */

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class EndSignals {
  #listener: ((signal: NodeJS.Signals) => void) | null = null;
  readonly #early: NodeJS.Signals[] = [];
  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#listener === null) this.#early.push(signal);
    else this.#listener(signal);
  };

  constructor() {
    for (const name of names) process.on(name, this.#receive);
  }

  /** What was received before anybody listened. */
  get early(): NodeJS.Signals | null {
    return this.#early[0] ?? null;
  }

  listen(listener: (signal: NodeJS.Signals) => void): void {
    this.#listener = listener;
  }

  /** From here on a signal has its usual outcome. */
  close(): void {
    for (const name of names) process.off(name, this.#receive);
  }
}
