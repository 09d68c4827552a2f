/** What is in memory: the heap that is used after full collections, and the least that something which waits can take. */
import { invariant } from "@perdure/errors";

const bytesPerKb = 1_024;

/** Kilobytes of heap in use after full collections; the second one takes what finalizers of the first let go. */
export function usedHeapKb(): number {
  invariant(globalThis.gc !== undefined, "The process was not started with --expose-gc.");
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed / bytesPerKb;
}

/** Kilobytes by suspended async function, with n of them found by an id in a map. */
export function suspendedFunctionKb(n: number): number {
  const suspended = new Map<string, { resume: () => void; finished: Promise<number> }>();
  const before = usedHeapKb();
  for (let index = 0; index < n; index += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wait = async (): Promise<number> => {
      await promise;
      return index;
    };
    suspended.set(`run-${index}`, { resume: resolve, finished: wait() });
  }
  const kb = (usedHeapKb() - before) / n;
  invariant(suspended.size === n, "The floor's functions are alive while they are counted.");
  return kb;
}
