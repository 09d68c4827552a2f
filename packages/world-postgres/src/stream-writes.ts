/**
 * Sends the appends to streams of this process: one statement at a time, and what comes up meanwhile goes together.
 *
 * An append whose run is being changed by somebody else at that moment does not keep the others waiting: it is sent again
 * by itself, and then waits for its run, one such statement per run at a time.
 */
import type { Database } from "./database.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import type { StreamStore, StreamWrite, StreamWritten } from "./stream-store.ts";

/** The bounds of one statement. */
const appendsMax = 256;
const bytesMax = 16 * 1024 * 1024;

interface Entry {
  readonly write: StreamWrite;
  readonly bytes: number;
  readonly resolve: (written: StreamWritten | Promise<StreamWritten>) => void;
  readonly reject: (error: unknown) => void;
}

export class StreamWrites {
  readonly #database: Database;
  readonly #rows: StreamStore;
  readonly #turns = new KeyedTurns();
  readonly #waiting: Entry[] = [];
  #isSending = false;

  constructor(database: Database, rows: StreamStore) {
    this.#database = database;
    this.#rows = rows;
  }

  /** Resolves once the write is durable, or once it is certain that it was not made. Never with `busy`. */
  submit(write: StreamWrite): Promise<StreamWritten> {
    return new Promise((resolve, reject) => {
      const bytes = write.request.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      this.#waiting.push({ write, bytes, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    // A later turn of the event loop, so that what becomes ready together is sent together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#send(this.#take());
    this.#isSending = false;
  }

  #take(): readonly Entry[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex((entry, index) => {
      bytes += entry.bytes;
      return index >= appendsMax || (index > 0 && bytes > bytesMax);
    });
    return this.#waiting.splice(0, beyond === -1 ? this.#waiting.length : beyond);
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    try {
      const writes = entries.map(({ write }) => write);
      const answers = await this.#rows.write(this.#database, writes, false);
      for (const [index, { write, resolve }] of entries.entries()) {
        const answer = answers[index] ?? { outcome: "stale" };
        resolve(answer.outcome === "busy" ? this.#alone(write) : answer);
      }
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  #alone(write: StreamWrite): Promise<StreamWritten> {
    return this.#turns.take(write.runId, async () => {
      const [answer] = await this.#rows.write(this.#database, [write], true);
      return answer ?? { outcome: "stale" };
    });
  }
}
