/**
 * Appends by those who do not hold the claim: results of steps, payloads of hooks, cancellations. Those of one run that
 * wait in this process are one change of it, with one commit.
 *
 * K1 Each has the event, the verdict and the answer that it would have had if it had come alone, behind those before it.
 * K2 What comes while nothing of its run is under way goes at once. What comes meanwhile goes with the next change: no one
 *    waits for company.
 * K3 A change holds each key once, and one report on each step: another one goes with the next change. Nobody overtakes.
 * K4 None fails because of another one. Where an error may be about one of them alone, each is sent by itself.
 */
import { isStoreRestored, StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import type { AppendResult } from "@perdure/world";
import { judgeKeyed, type KeyedAppend } from "./keyed-judgement.ts";
import type { ChangeOptions } from "./run-changes.ts";
import type { Store } from "./store.ts";
import { isOfStatement, sqlState, sqlStateOf } from "./store-errors.ts";

/** How many go in one change, and how many bytes of payloads: more would make no commit cheaper. */
const togetherMax = 128;
const bytesMax = 256 * 1024;

interface Waiting {
  readonly request: KeyedAppend;
  /** Of a result: `restoration.generation` when it was sent. */
  readonly begunIn: number | null;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

export class KeyedAppends {
  readonly #store: Store;
  /** By run. A run is in here as long as anything of it waits or is under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves with the answer once it is durable, or once it is certain that nothing is written. */
  append(runId: string, request: KeyedAppend): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const begunIn = request.by === "executor" ? this.#store.restoration.generation : null;
      const own: Waiting = { request, begunIn, resolve, reject };
      const waiting = this.#waiting.get(runId);
      if (waiting !== undefined) {
        waiting.push(own);
        return;
      }
      const first = [own];
      this.#waiting.set(runId, first);
      void this.#sendAll(runId, first);
    });
  }

  async #sendAll(runId: string, waiting: Waiting[]): Promise<void> {
    while (waiting.length > 0) await this.#send(runId, () => takeNext(waiting));
    this.#waiting.delete(runId);
  }

  /** Never rejects. `take` is called once the turn has come, so that whatever has come by then goes along. */
  async #send(runId: string, take: () => readonly Waiting[]): Promise<void> {
    let batch: readonly Waiting[] = [];
    try {
      const answers = await this.#store.changes.changeInTurn(runId, () => {
        batch = take();
        return this.#changeOf(runId, batch);
      });
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as AppendResult);
    } catch (error) {
      if (batch.length === 1 || concernsAll(error)) for (const { reject } of batch) reject(error);
      else for (const each of batch) await this.#send(runId, () => [each]);
    }
  }

  #changeOf(runId: string, batch: readonly Waiting[]): ChangeOptions<readonly AppendResult[]> {
    const requests = batch.map(({ request }) => request);
    const begunIn = batch.find((each) => each.begunIn !== null)?.begunIn ?? null;
    return {
      ...(begunIn === null ? {} : { begunIn }),
      outsideKeys: requests.map(({ key }) => key),
      missing: () => {
        throw new WorkflowRunNotFoundError(runId);
      },
      judge: (situation) => judgeKeyed(this.#store, requests, situation),
    };
  }
}

/** Takes away the first ones, as many as may go together. */
function takeNext(waiting: Waiting[]): readonly Waiting[] {
  const taken = new Set<string>();
  let generation: number | null = null;
  let bytes = 0;
  let count = 0;
  for (const { request, begunIn } of waiting) {
    bytes += request.fact.payload?.byteLength ?? 0;
    const marks = marksOf(request);
    const isOfOne = begunIn === null || generation === null || begunIn === generation;
    const fits = count < togetherMax && bytes <= bytesMax && isOfOne && !marks.some((mark) => taken.has(mark));
    if (count > 0 && !fits) break;
    generation ??= begunIn;
    for (const mark of marks) taken.add(mark);
    count += 1;
  }
  return waiting.splice(0, count);
}

/** What no other append of the same change may have: see K3. */
function marksOf({ by, key, fact }: KeyedAppend): readonly string[] {
  return by === "executor" && fact.correlationId !== null
    ? [`key ${key}`, `step ${fact.correlationId}`]
    : [`key ${key}`];
}

/** True for an error that each would meet by itself: there is no such run, it is locked for long, or the server is out of reach. */
function concernsAll(error: unknown): boolean {
  // Results of before are refused then, and not what comes from outside.
  if (isStoreRestored(error)) return false;
  if (!StoreError.is(error)) return WorkflowRunNotFoundError.is(error);
  return !isOfStatement(error) || sqlStateOf(error.cause) === sqlState.lockNotAvailable;
}
