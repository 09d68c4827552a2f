/** Readers outside of the runs: some follow a stream while it is written, others look into one anywhere. */
import { setTimeout as pause } from "node:timers/promises";
import type { StreamPage, World } from "@perdure/world";
import { StoreError } from "perdure/errors";
import type { Chance } from "perdure-sim/chance";
import type { Sighting } from "./stored-streams.ts";
import { sharedStream } from "./stream-writer.ts";

/** How long a read waits for a chunk. */
const waitMs = 2_000;
const pageLimit = 20;
/** A read that the store did not answer is tried again after so many milliseconds. */
const readAgainMs = 50;

export class StreamReaders {
  /** What they saw, to be compared with what is stored. */
  readonly sightings: Sighting[] = [];
  /** What a read must not come to, whatever is stored. */
  readonly failures = new Set<string>();
  /** Streams that were followed to their end. */
  followedCount = 0;
  readonly #streams: World["streams"];
  readonly #chance: Chance;
  readonly #following = new Map<string, Promise<void>>();

  constructor(streams: World["streams"], chance: Chance) {
    this.#streams = streams;
    this.#chance = chance;
  }

  /** Streams that are followed, or were. */
  get followingCount(): number {
    return this.#following.size;
  }

  /** Reads the stream that all steps of a run write to, until its end; once for each run. */
  follow(runId: string): void {
    if (this.#following.has(runId)) return;
    this.#following.set(runId, this.#follow(runId));
  }

  /** Resolves when every stream that is followed was read to its end. */
  async settled(): Promise<void> {
    await Promise.all(this.#following.values());
  }

  /** Looks into one of the streams of a run, from an index anywhere. */
  async glance(runId: string): Promise<void> {
    const found = await this.#streams.list(runId, { after: null, limit: 100 });
    const stream = found[this.#chance.int(Math.max(1, found.length))];
    if (stream === undefined) return;
    const from = this.#chance.int(2 * stream.count + 2) - stream.count;
    const page = await this.#streams.read(runId, stream.name, { from, limit: pageLimit });
    const isPlaced = from < 0 ? page.first <= page.count : page.first === from;
    if (!isPlaced)
      this.failures.add(`A read of ${runId} from ${from} was answered from ${page.first} of ${page.count}.`);
    this.#saw(runId, stream.name, page, textsIn(page));
  }

  async #follow(runId: string): Promise<void> {
    const texts: string[] = [];
    for (;;) {
      const page = await this.#nextPage(runId, texts.length);
      if (page === null) return;
      if (page.first !== texts.length) {
        this.failures.add(`A reader of ${runId} asked for chunk ${texts.length} and was given ${page.first}.`);
        return;
      }
      texts.push(...textsIn(page));
      if (page.end === null || texts.length < page.count) continue;
      this.#saw(runId, sharedStream, { ...page, first: 0 }, texts);
      this.followedCount += 1;
      return;
    }
  }

  /** Null: the read was refused for good. */
  async #nextPage(runId: string, from: number): Promise<StreamPage | null> {
    for (;;) {
      try {
        return await this.#streams.read(runId, sharedStream, { from, limit: pageLimit, waitMs });
      } catch (error) {
        if (!StoreError.is(error) || error.code === "STORE_CLOSED") {
          this.failures.add(`A reader of ${runId}: ${String(error)}`);
          return null;
        }
        await pause(readAgainMs);
      }
    }
  }

  #saw(run: string, stream: string, { first, count, end }: StreamPage, texts: readonly string[]): void {
    this.sightings.push({ run, stream, first, texts, end: end === null ? null : { how: end, count } });
  }
}

const textsIn = ({ chunks }: StreamPage): readonly string[] => chunks.map((chunk) => Buffer.from(chunk).toString());
