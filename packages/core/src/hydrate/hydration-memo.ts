/**
 * The hydration memo: what was prepared and parsed of a run's payloads, for the replays of one claim.
 *
 * Without it a replay-after-every-turn of N sequential steps hydrates N(N+1)/2 results; with it, N. Two tiers, both keyed by
 * event position, which within a run is the event's id:
 * - *prepared plaintext*: text and blobs after the envelope was opened (decryption and decompression are the cost);
 * - *primitive results* of `step_completed`, which skip parsing as well.
 *
 * Objects are parsed anew by every execution, so a mutation cannot leak from one replay into the next. A failed preparation
 * is not kept. One memo belongs to one claimed run; the engine works the same without any.
 */
import { decodePrimitive, type PayloadParts, unpackPayload } from "@perdure/serde";

/** The event whose payload is wanted. */
export interface HydrationSource {
  readonly position: number;
  readonly type: string;
  readonly payload: Uint8Array;
}

/** A payload ready for the realm: a primitive as it is, or text and blobs to be parsed there. */
export type Hydrated =
  | { readonly kind: "primitive"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string; readonly blobs: readonly Uint8Array[] };

export interface HydrationMemoOptions {
  /** Opens a payload's envelope. Default: `unpackPayload`. */
  readonly prepare?: (event: HydrationSource) => PayloadParts;
  /** Whether primitive step results are kept as values. Default true. */
  readonly valueTier?: boolean;
  /** Bytes of prepared plaintext that are kept, counted as text length plus blob bytes. Default 8 MiB; 0 keeps none. */
  readonly plaintextBytesMax?: number;
}

/** Longer strings, and bigints of more digits, are not kept as values: it bounds what is resident. */
const primitiveLengthMax = 4096;

export class HydrationMemo {
  /** How often a step's result was really prepared or parsed instead of taken as a value. */
  hydrations = 0;
  /** How often a primitive result was taken as a value. */
  hits = 0;
  /** How often an envelope was opened, for events of every type. */
  preparations = 0;
  readonly #prepare: (event: HydrationSource) => PayloadParts;
  readonly #keepsValues: boolean;
  readonly #plaintextBytesMax: number;
  readonly #values = new Map<number, Hydrated>();
  readonly #plaintexts = new Map<number, PayloadParts>();
  #plaintextBytes = 0;

  constructor(options: HydrationMemoOptions = {}) {
    this.#prepare = options.prepare ?? ((event) => unpackPayload(event.payload));
    this.#keepsValues = options.valueTier ?? true;
    this.#plaintextBytesMax = options.plaintextBytesMax ?? 8 * 1024 * 1024;
  }

  /** Bytes of prepared plaintext that are kept now. */
  get plaintextBytes(): number {
    return this.#plaintextBytes;
  }

  /** How many primitive results are kept. */
  get valueCount(): number {
    return this.#values.size;
  }

  /** The payload of an event of the log. Throws what preparing it throws, every time. */
  hydrate(event: HydrationSource): Hydrated {
    const known = this.#values.get(event.position);
    if (known !== undefined) {
      this.hits += 1;
      return known;
    }
    const hydrated = this.hydrateOnce(event);
    this.keep(event, hydrated);
    return hydrated;
  }

  /** The same for a fact that is not in the log yet: nothing is kept until `keep` says that it is. */
  hydrateOnce(event: HydrationSource): Hydrated {
    if (isStepResult(event)) this.hydrations += 1;
    const parts = this.#plaintexts.get(event.position) ?? this.#open(event);
    const primitive = parts.blobs.length === 0 ? decodePrimitive(parts.text) : miss;
    return primitive.hit ? { kind: "primitive", value: primitive.value } : { kind: "text", ...parts };
  }

  /** The event stands in the log with this payload: later replays may use what was hydrated. */
  keep(event: HydrationSource, hydrated: Hydrated): void {
    if (hydrated.kind === "primitive") {
      if (this.#keepsValues && isStepResult(event) && isShort(hydrated.value)) {
        this.#values.set(event.position, hydrated);
      }
      return;
    }
    this.#keepPlaintext(event.position, hydrated);
  }

  /** The claim has ended: forget everything. */
  clear(): void {
    this.#values.clear();
    this.#plaintexts.clear();
    this.#plaintextBytes = 0;
  }

  #open(event: HydrationSource): PayloadParts {
    this.preparations += 1;
    return this.#prepare(event);
  }

  #keepPlaintext(position: number, parts: PayloadParts): void {
    if (this.#plaintexts.has(position)) return;
    const bytes = parts.blobs.reduce((sum, blob) => sum + blob.byteLength, parts.text.length);
    if (this.#plaintextBytes + bytes > this.#plaintextBytesMax) return;
    this.#plaintexts.set(position, { text: parts.text, blobs: parts.blobs });
    this.#plaintextBytes += bytes;
  }
}

const miss = { hit: false } as const;

const isStepResult = (event: HydrationSource): boolean => event.type === "step_completed";

function isShort(value: unknown): boolean {
  if (typeof value === "string") return value.length <= primitiveLengthMax;
  return typeof value !== "bigint" || value.toString().length <= primitiveLengthMax;
}
