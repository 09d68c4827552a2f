/**
 * Hooks in workflow code. A hook is registered by the delivery that creates it, keeps what arrives in order, and gives each
 * payload once.
 *
 * While nothing is at hand, everybody who asks shares one promise, which takes the next payload when it arrives. So a race
 * between a hook and a sleep, taken anew in a loop, loses no payload to the races that are over: all of them wait for the
 * same one.
 */
import { type HookConflictError, SerializationError } from "@perdure/errors";
import { encodeValue } from "./encoding.ts";
import { disposeSymbol } from "./globals/disposal-symbols.ts";
import { handled, never, type OrchestratorContext, type Pending, workflowContext } from "./orchestrator-context.ts";
import { createWait } from "./sleep.ts";

export interface HookOptions {
  /** The name under which the payloads are sent. Default: unpredictable text of 130 random bits. */
  readonly token?: string;
  /** Data for whoever looks at the hook from outside; stored once. */
  readonly metadata?: unknown;
}

/** The run that holds the token in this hook's place. */
export interface HookConflict {
  readonly runId: string;
}

/** Who holds a token: nobody knows yet, this run, another run. */
type Ownership = { readonly kind: "unknown" | "ours" } | { readonly kind: "lost"; readonly error: HookConflictError };

/** A payload, or the end because the hook was disposed of. */
type Arrival<T> = IteratorResult<T, undefined>;
const end: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 26 characters of 5 bits are 130 bits: no token can be guessed. */
const tokenLength = 26;

/** Creates a hook. Throws `TypeError` for an empty token and `SerializationError` for metadata that cannot be stored. */
export function createHook<T = unknown>(options: HookOptions = {}): Hook<T> {
  const context = workflowContext("createHook");
  const { token = randomToken(context), metadata } = options;
  if (typeof token !== "string" || token === "") {
    throw new SerializationError(
      "the token of a hook",
      token === "" ? "an empty string" : `a ${typeof token}`,
      "token",
      {
        hint: "Give a string that is not empty, or no token at all: then it is an unpredictable one.",
      },
    );
  }
  const parts = metadata === undefined ? {} : encodeValue(metadata, "the metadata of a hook");
  const ordinal = context.nextOrdinal("hook");
  const key = keyOf(ordinal);
  const hook = new Hook<T>(context, ordinal, token);
  if (context.phase !== "closed") {
    context.decide({ type: "hook_created", key, ordinal, token, ...parts });
    context.pending.set(key, inboxOf(hook));
    context.lastOperation = `createHook #${ordinal}`;
  }
  return hook;
}

const keyOf = (ordinal: number): string => `hook:#${ordinal}`;

function randomToken(context: OrchestratorContext): string {
  const stream = context.stream("token");
  let token = "";
  for (let index = 0; index < tokenLength; index++) token += alphabet.charAt(stream.nextUint32() >>> 27);
  return token;
}

/** Where a hook's payloads and its conflict arrive; the program cannot reach it. */
let inboxOf: <T>(hook: Hook<T>) => Pending;

/** A hook as workflow code holds it. */
export class Hook<T> implements AsyncIterable<T>, PromiseLike<T> {
  readonly token: string;
  readonly #context: OrchestratorContext;
  readonly #key: string;
  readonly #ordinal: number;
  readonly #payloads: T[] = [];
  #next: PromiseWithResolvers<Arrival<T>> | null = null;
  #ownership: Ownership = { kind: "unknown" };
  #probe: Promise<HookConflict | null> | null = null;
  #isDisposed = false;

  static {
    inboxOf = (hook) => ({
      token: hook.token,
      resolve: (payload) => hook.#receive(payload),
      reject: (error) => hook.#lose(error as HookConflictError),
    });
  }

  constructor(context: OrchestratorContext, ordinal: number, token: string) {
    this.#context = context;
    this.#key = keyOf(ordinal);
    this.#ordinal = ordinal;
    this.token = token;
  }

  /**
   * Awaiting the hook gives its next payload. Rejects with `HookConflictError` when another run holds the token. After
   * `dispose` it never settles.
   */
  // biome-ignore lint/suspicious/noThenProperty: awaiting a hook is the way to receive its next payload.
  then<A = T, B = never>(
    onPayload?: ((payload: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const payload = this.#take().then((arrival) => (arrival.done === true ? never() : arrival.value));
    return payload.then(onPayload, onError);
  }

  /** Payload after payload, until the hook is disposed of. Ending the loop does not dispose of the hook. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    let isOver = false;
    const next = async (): Promise<IteratorResult<T, undefined>> => (isOver ? end : { ...(await this.#take()) });
    return {
      next: () => handled(next()),
      return: async () => {
        isOver = true;
        return end;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Who holds the token: null when this run does, else the run that does. It takes a durable wait of no length to learn
   * it, because only the log can tell: the wait's end stands behind the hook's registration or its conflict.
   */
  getConflict(): Promise<HookConflict | null> {
    const ownership = this.#ownership;
    if (ownership.kind === "ours") return Promise.resolve(null);
    if (ownership.kind === "lost") return Promise.resolve(conflictOf(ownership.error));
    if (this.#context.phase === "closed") return never();
    this.#probe ??= handled(this.#ask());
    return this.#probe;
  }

  async #ask(): Promise<HookConflict | null> {
    await createWait(this.#context, 0, null);
    if (this.#ownership.kind === "lost") return conflictOf(this.#ownership.error);
    this.#ownership = { kind: "ours" };
    return null;
  }

  /** Gives the token back at once. Payloads that were not taken are dropped, iterators end. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#payloads.length = 0;
    this.#next?.resolve(end);
    this.#next = null;
    if (this.#context.phase === "closed" || !this.#context.pending.delete(this.#key)) return;
    this.#context.decide({ type: "hook_disposed", key: this.#key, ordinal: this.#ordinal });
    this.#context.lastOperation = "dispose of a hook";
  }

  [disposeSymbol](): void {
    this.dispose();
  }

  /** What arrives next: from what is at hand, else from the promise that all who wait share. */
  #take(): Promise<Arrival<T>> {
    if (this.#ownership.kind === "lost") return handled(Promise.reject(this.#ownership.error));
    if (this.#isDisposed) return Promise.resolve(end);
    if (this.#payloads.length > 0) return Promise.resolve({ done: false, value: this.#payloads.shift() as T });
    if (this.#next === null) {
      this.#next = Promise.withResolvers<Arrival<T>>();
      void handled(this.#next.promise);
    }
    return this.#next.promise;
  }

  // What the sender sent is taken to be a T, as the program says.
  #receive(received: unknown): void {
    const payload = received as T;
    this.#ownership = { kind: "ours" };
    if (this.#next === null) this.#payloads.push(payload);
    else this.#next.resolve({ done: false, value: payload });
    this.#next = null;
  }

  #lose(error: HookConflictError): void {
    this.#ownership = { kind: "lost", error };
    this.#next?.reject(error);
    this.#next = null;
  }
}

const conflictOf = (error: HookConflictError): HookConflict => ({ runId: error.conflictingRunId ?? "" });
