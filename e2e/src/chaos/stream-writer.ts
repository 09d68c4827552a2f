/** What the bodies of steps write to streams while they work. */
import { setTimeout as pause } from "node:timers/promises";
import type { StreamAppend, World } from "@perdure/world";
import { StoreError } from "perdure/errors";
import type { Ledger } from "../crash/ledger.ts";
import { type Batch, textsOf } from "./chunk-text.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";

/** Which execution of a body. */
type BodyPlace = Pick<Batch, "run" | "step" | "attempt" | "delivery">;

/** A batch that the store did not answer is sent again after so many milliseconds. */
const sendAgainMs = 30;

/** The stream of a run that all of its steps write to. */
export const sharedStream = "shared";
/** The stream of a step, which its body closes when it has its result. */
const ownStream = (step: string): string => `of ${step}`;

/** The batches that a body writes, and the end of its own stream. */
export class BodyStreams {
  readonly #streams: World["streams"];
  readonly #ledger: Pick<Ledger<UnsignedChaosEntry>, "write">;
  readonly #body: BodyPlace;
  /** The batches to each stream so far; a stream that refused one is written no more. */
  readonly #counts = new Map<string, number>();
  readonly #refused = new Set<string>();

  constructor(streams: World["streams"], ledger: Pick<Ledger<UnsignedChaosEntry>, "write">, body: BodyPlace) {
    this.#streams = streams;
    this.#ledger = ledger;
    this.#body = body;
  }

  /** To the stream of the run and to that of the step. */
  async work(): Promise<void> {
    const { step } = this.#body;
    await Promise.all([this.#append(sharedStream, false), this.#append(ownStream(step), false)]);
  }

  /** The body has its result: the last chunks, and the end of the stream of the step. */
  async finish(): Promise<void> {
    await Promise.all([this.#append(sharedStream, false), this.#append(ownStream(this.#body.step), true)]);
  }

  /** Sends a batch until the store has answered, always the same one. */
  async #append(stream: string, closes: boolean): Promise<void> {
    if (this.#refused.has(stream)) return;
    const n = (this.#counts.get(stream) ?? 0) + 1;
    this.#counts.set(stream, n);
    const batch: Batch = { ...this.#body, stream, n, count: 1 + ((n + this.#body.attempt) % 3) };
    const { run, step, attempt, delivery } = batch;
    const request: StreamAppend = {
      name: stream,
      writer: { by: "step", step, attempt, delivery },
      n,
      chunks: textsOf(batch).map((text) => Buffer.from(text)),
      close: closes ? { error: null } : null,
    };
    this.#ledger.write({ kind: "send", ...batch, closes });
    for (;;) {
      try {
        const result = await this.#streams.append(run, request);
        if (result.kind === "appended") {
          this.#ledger.write({ kind: "wrote", ...batch, first: result.first });
          return;
        }
        this.#refused.add(stream);
        const reason = result.kind === "fenced" ? "fenced" : result.reason;
        this.#ledger.write({ kind: "denied", ...batch, reason });
        return;
      } catch (error) {
        if (!StoreError.is(error) || error.code === "STORE_CLOSED") throw error;
        await pause(sendAgainMs);
      }
    }
  }
}
