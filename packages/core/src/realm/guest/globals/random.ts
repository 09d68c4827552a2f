/** `Math.random`, drawn from the run's seed. */
import { currentContext } from "../orchestrator-context.ts";

export function installRandom(): void {
  Math.random = function random(): number {
    const stream = currentContext().stream("math");
    // 53 random bits, the precision of a double, as V8's own generator gives.
    return ((stream.nextUint32() >>> 5) * 2 ** 26 + (stream.nextUint32() >>> 6)) / 2 ** 53;
  };
}
