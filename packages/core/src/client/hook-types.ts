/** Options of `createHook`. */
export interface HookOptions {
  /** What the outside world knows the hook by; unique among open hooks. Default: unguessable, made for this hook. */
  readonly token?: string;
  /** Stored with the hook, for `getHookByToken(token).metadata`. */
  readonly metadata?: unknown;
}

/**
 * A durable inbox in workflow code. `await hook` takes the next payload; `for await` takes one after the other. Payloads
 * that arrive before anybody waits are kept in order. Waiting rejects with `HookConflictError` when another run holds
 * the token.
 */
export interface Hook<Payload> extends PromiseLike<Payload>, AsyncIterable<Payload>, Disposable {
  readonly token: string;
  /** Close the inbox and free its token: later payloads are refused, iteration ends. Done for you when the run ends. */
  dispose(): void;
}
