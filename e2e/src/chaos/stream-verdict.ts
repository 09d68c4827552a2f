/** The judgement over streams: what is stored, beside what writers were told and what readers saw. Pure. */
import { type Batch, textsOf } from "./chunk-text.ts";
import type { ChaosEntry, SendEntry } from "./ledger-entries.ts";
import { type ChunkLine, label, type Sighting, StoredStreams, type StreamLine } from "./stored-streams.ts";
import { Fences } from "./stream-fences.ts";

export interface StreamVerdict {
  /** Every promise that was broken, as a sentence. */
  readonly broken: readonly string[];
  readonly streams: number;
  readonly chunks: number;
  /** Batches that the store has acknowledged, and those that it has refused: of stale executions, or behind an end. */
  readonly acknowledged: number;
  readonly refused: number;
  /** Chunks that readers saw. */
  readonly seen: number;
}

interface StreamParts {
  readonly ledger: readonly ChaosEntry[];
  readonly chunks: readonly ChunkLine[];
  readonly streams: readonly StreamLine[];
  readonly sightings: readonly Sighting[];
  /** `run step` of every background step: their deliveries are not in the log, so there a later one is known by its chunks. */
  readonly background: ReadonlySet<string>;
}

export function judgeStreams({ ledger, chunks, streams, sightings, background }: StreamParts): StreamVerdict {
  const stored = new StoredStreams(chunks, streams);
  const writers = new Writers(stored, new Fences(background));
  for (const entry of ledger) writers.read(entry);
  const { sent, acknowledged, refused } = writers;
  const broken = [
    ...writers.broken,
    ...sightings.flatMap((sighting) => stored.contradictions(sighting)),
    ...stored.disorders(sent),
  ];
  const seen = sightings.reduce((sum, { texts }) => sum + texts.length, 0);
  return { broken, streams: streams.length, chunks: chunks.length, acknowledged, refused, seen };
}

/** Walks through the ledger in its order. */
class Writers {
  readonly broken: string[] = [];
  /** The batch of every chunk that anybody has sent, by run and text. */
  readonly sent = new Map<string, SendEntry>();
  acknowledged = 0;
  refused = 0;
  readonly #stored: StoredStreams;
  readonly #fences: Fences;

  constructor(stored: StoredStreams, fences: Fences) {
    this.#stored = stored;
    this.#fences = fences;
  }

  read(entry: ChaosEntry): void {
    if (entry.kind === "send") this.#send(entry);
    else if (entry.kind === "wrote") this.#wrote(entry, entry.first);
    else if (entry.kind === "denied") this.#denied(entry, entry.reason);
    this.#fences.read(entry);
  }

  #send(entry: SendEntry): void {
    for (const text of textsOf(entry)) this.sent.set(`${entry.run} ${text}`, entry);
    if (this.#fences.isStale(entry) && this.#stored.hasAnyOf(entry)) {
      this.broken.push(`The batch ${label(entry)} was sent by a stale execution of its step, and is stored.`);
    }
  }

  #wrote(batch: Batch, first: number): void {
    this.acknowledged += 1;
    if (this.#stored.holds(batch, first, textsOf(batch))) return;
    this.broken.push(`The batch ${label(batch)} was acknowledged at ${first}, and is not there.`);
  }

  /** A body sends one batch of a stream after the other, and its start is in the log. */
  #denied(batch: Batch, reason: string): void {
    this.refused += 1;
    if (reason === "gap" || reason === "step_unknown") {
      this.broken.push(`The batch ${label(batch)} was refused: ${reason}.`);
    }
  }
}
