/** The reading of a stream that waits, for backends whose single reads are calls: nothing falls between two of them. */
import { isStreamPageReady } from "./stream-rules.ts";
import type { StreamPage, StreamRange } from "./streams.ts";

/** A read that waits, as the backend sees it. */
export interface StreamReader {
  /** The index of the chunk that is waited for; beyond all chunks until the first page has told. */
  readonly from: number;
  /** To be called when the stream may hold that chunk, or may have ended. */
  readonly changed: () => void;
  /** To be called when the time is over: the read answers with what there is. */
  readonly over: () => void;
  /** To be called when the store is closed. */
  readonly failed: (reason: Error) => void;
}

/**
 * A page as soon as there is something in it, or the time is over. `watch` begins to tell the reader of changes, and
 * returns the way to stop. Somebody who follows a stream asks the store once for a page that is there already, and twice
 * for one that has to be waited for.
 */
export async function readStream(
  range: StreamRange,
  read: (range: StreamRange) => Promise<StreamPage>,
  watch: (reader: StreamReader, waitMs: number) => () => void,
): Promise<StreamPage> {
  const { waitMs = 0, limit } = range;
  if (waitMs <= 0) return read(range);
  const wait = new StreamWait();
  // Before the first page is read, so that nothing falls between the two.
  const stop = watch(wait, waitMs);
  try {
    for (let { from } = range; ; from = wait.from) {
      const page = await read({ from, limit });
      if (wait.isOver || isStreamPageReady(page)) return page;
      // The index stays where the first page has put it, whatever is written meanwhile.
      wait.from = page.first;
      await wait.news();
    }
  } finally {
    stop();
  }
}

class StreamWait implements StreamReader {
  from = Number.MAX_SAFE_INTEGER;
  isOver = false;
  #next = Promise.withResolvers<void>();

  readonly changed = (): void => this.#next.resolve();

  readonly over = (): void => {
    this.isOver = true;
    this.#next.resolve();
  };

  readonly failed = (reason: Error): void => {
    // The read that is under way may be refused first.
    this.#next.promise.catch(() => {});
    this.#next.reject(reason);
  };

  /** Resolves when something was told since the last call. */
  async news(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers();
  }
}
