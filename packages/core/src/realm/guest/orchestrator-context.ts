/**
 * What one execution needs inside the realm, and the slot that says which execution is being delivered to.
 *
 * Owns: ordinals, pending operations, the log clock, the buffers of decisions and console lines. Does not own: what an
 * operation means (step.ts, sleep.ts, hook.ts), how it ends (outcome.ts). All of an execution's state lives here, so that
 * the guest itself has none that outlives a delivery.
 */
import { InvariantError, NotInWorkflowContextError } from "@perdure/errors";
import type { GuestDecision, GuestExecution, GuestLine } from "../guest-port.ts";
import { type ChaChaStream, openStream } from "./chacha.ts";

/** How a pending operation takes its fact. */
export interface Pending {
  /** Of a hook: the name under which it listens. */
  readonly token?: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** How the workflow function ended, not yet decided upon. */
export type Outcome =
  | { readonly kind: "completed"; readonly value: EncodedParts }
  | { readonly kind: "failed"; readonly code: string; readonly value: EncodedParts }
  | { readonly kind: "overflow" };

export interface EncodedParts {
  readonly text: string;
  readonly canonicalText: string | null;
  readonly blobs: readonly Uint8Array[];
}

/** The random streams of an execution, each a ChaCha20 stream with a nonce of its own. */
export type RandomPurpose = "math" | "crypto" | "token";
const nonces: Readonly<Record<RandomPurpose, number>> = { math: 1, crypto: 2, token: 3 };

export class OrchestratorContext implements GuestExecution {
  readonly runId: string;
  readonly workflowName: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly trace: boolean;
  readonly decisions: GuestDecision[] = [];
  readonly lines: GuestLine[] = [];
  /** Operations whose fact is still to come, by key. */
  readonly pending = new Map<string, Pending>();
  /** The log clock: `at` of the fact that is being delivered. */
  at = 0;
  /** Position of the fact that is being delivered. */
  position = 0;
  /** `at` of `run_started`. */
  startedAt = 0;
  /** `loading` while the bundle's top-level code runs; `closed` once the terminal decision is made. */
  phase: "loading" | "running" | "closed" = "loading";
  outcome: Outcome | null = null;
  /** The newest operation, in words, for the report of an execution that can never go on. */
  lastOperation: string | null = null;
  readonly #seedHex: string;
  readonly #ordinals = new Map<string, number>();
  readonly #streams: Partial<Record<RandomPurpose, ChaChaStream>> = {};

  constructor(runId: string, workflowName: string, seedHex: string, locale: string, timeZone: string, trace: boolean) {
    this.runId = runId;
    this.workflowName = workflowName;
    this.#seedHex = seedHex;
    this.locale = locale;
    this.timeZone = timeZone;
    this.trace = trace;
  }

  /** How many times this was asked for, this time included. */
  nextOrdinal(counter: string): number {
    const ordinal = (this.#ordinals.get(counter) ?? 0) + 1;
    this.#ordinals.set(counter, ordinal);
    return ordinal;
  }

  /** Records a decision. The fields that are left out are null. */
  decide(decision: Pick<GuestDecision, "type" | "key"> & Partial<GuestDecision>): void {
    this.decisions.push({
      type: decision.type,
      key: decision.key,
      cause: this.position,
      at: this.at,
      ordinal: decision.ordinal ?? 0,
      stepId: decision.stepId ?? null,
      name: decision.name ?? null,
      shape: decision.shape ?? null,
      text: decision.text ?? null,
      canonicalText: decision.canonicalText ?? null,
      blobs: decision.blobs ?? noBlobs,
      durationMs: decision.durationMs ?? null,
      resumeAt: decision.resumeAt ?? null,
      token: decision.token ?? null,
      code: decision.code ?? null,
      stack: this.trace ? (new Error("trace").stack ?? null) : null,
    });
  }

  /** The promise of an operation that was just decided. A rejection before anyone awaits it is not unhandled. */
  wait(key: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.pending.set(key, { resolve, reject });
    return handled(promise);
  }

  stream(purpose: RandomPurpose): ChaChaStream {
    let stream = this.#streams[purpose];
    if (stream === undefined) {
      stream = openStream(this.#seedHex, nonces[purpose]);
      this.#streams[purpose] = stream;
    }
    return stream;
  }
}

const noBlobs: readonly Uint8Array[] = Object.freeze([]);

/** Marks a promise of the engine as handled: it may reject long before the program looks at it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {
  // The program meets the rejection where it awaits the promise.
}

/** A promise that never settles, for operations that are asked for after the end. */
export function never(): Promise<never> {
  return new Promise(ignore);
}

let current: OrchestratorContext | null = null;

/** Code of this execution is about to run, because this fact is being delivered to it. */
export function enter(context: OrchestratorContext, position: number, at: number): void {
  current = context;
  context.position = position;
  context.at = at;
}

/** The delivery is over. */
export function leave(): void {
  current = null;
}

/** The execution whose code is running; null while the realm is being built. */
export function currentOrNull(): OrchestratorContext | null {
  return current;
}

/** The execution whose code is running. */
export function currentContext(): OrchestratorContext {
  if (current === null) throw new InvariantError("Workflow code ran while no fact was being delivered.");
  return current;
}

/** The execution whose workflow function is running: top-level code of a module must not call durable operations. */
export function workflowContext(operation: string): OrchestratorContext {
  const context = currentContext();
  if (context.phase === "loading") throw new NotInWorkflowContextError(operation);
  return context;
}
