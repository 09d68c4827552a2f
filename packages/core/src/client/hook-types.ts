/** Options of `createHook`. */
export interface HookOptions {
  /** What the outside world knows the hook by; unique among open hooks. Default: unguessable, made for this hook. */
  readonly token?: string;
  /** Stored with the hook, for `getHookByToken(token).metadata`. */
  readonly metadata?: unknown;
}

/** The run that holds the token of a hook in its place. */
export interface HookConflict {
  readonly runId: string;
}

/**
 * A durable inbox in workflow code. `await hook` takes the next payload; `for await` takes one after the other. Payloads
 * that arrive before anybody waits are kept in order. Waiting rejects with `HookConflictError` when another run holds
 * the token.
 */
export interface Hook<Payload> extends PromiseLike<Payload>, AsyncIterable<Payload>, Disposable {
  readonly token: string;
  /** Who holds the token: null when this run does, else the run that does, so that nothing has to be caught. */
  getConflict(): Promise<HookConflict | null>;
  /** Close the inbox and free its token: later payloads are refused, iteration ends. Done for you when the run ends. */
  dispose(): void;
}
