/** The reading of a stream that waits, for backends whose single reads are calls: nothing falls between two of them. */
import { isStreamPageReady } from "./stream-rules.ts";
import type { StreamPage, StreamRange } from "./streams.ts";

/** What the backend tells a read that waits. */
export interface StreamReader {
  /** The stream may have grown or ended. */
  readonly changed: () => void;
  /** The time is over: the read answers with what there is. */
  readonly over: () => void;
  /** The store is closed. */
  readonly failed: (reason: Error) => void;
}

/**
 * A page as soon as there is something in it, or the time is over. `watch` begins to tell the reader that there may be a
 * chunk at the index `from`, or an end, and returns the way to stop; it is called only if there is something to wait for.
 */
export async function readStream(
  range: StreamRange,
  read: (range: StreamRange) => Promise<StreamPage>,
  watch: (reader: StreamReader, from: number, waitMs: number) => () => void,
): Promise<StreamPage> {
  const { waitMs = 0, limit } = range;
  const page = await read(range);
  if (waitMs <= 0 || isStreamPageReady(page)) return page;
  let isOver = false;
  let next = Promise.withResolvers<void>();
  const wake = () => next.resolve();
  const stop = watch(
    {
      changed: wake,
      over: () => {
        isOver = true;
        wake();
      },
      failed: (reason) => {
        next.promise.catch(() => {});
        next.reject(reason);
      },
    },
    page.first,
    waitMs,
  );
  try {
    for (;;) {
      // Read after the watching began. The index stays where the first page put it, whatever has been written since.
      const later = await read({ from: page.first, limit });
      if (isOver || isStreamPageReady(later)) return later;
      await next.promise;
      next = Promise.withResolvers();
    }
  } finally {
    stop();
  }
}
