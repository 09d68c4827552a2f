/** What a backend gives the conformance suite, and what a case of the suite is. */
import type { World } from "../world.ts";
import type { Bench } from "./bench.ts";

/** One fresh, empty store with its clock. Every case opens its own. */
export interface WorldFixture {
  /** The world under test; after `restart`, the one that was opened anew. */
  world(): World;
  /** A second world on the same store and namespace, as another process would open it. The same one on each call. */
  second(): Promise<World>;
  /** The store's clock. */
  readonly clock: StoreClock;
  /** Close all worlds and open the store again. */
  restart(): Promise<void>;
  /** Close all worlds and remove the store. */
  close(): Promise<void>;
}

/** A clock in the hands of the suite: milliseconds since the epoch, integers. It may be set back. */
export interface StoreClock {
  now(): number;
  set(at: number): void;
}

/** What a case needs that a backend may lack. */
export type ConformanceNeed = "compareAndAppend" | "wake" | "restart";

/** One behaviour that every world shows. The title begins with the invariant that it shows, where there is one. */
export interface ConformanceCase {
  readonly title: string;
  readonly needs: readonly ConformanceNeed[];
  /** Rejects when the world does not behave so. */
  run(bench: Bench): Promise<void>;
}

/** Cases about one subject. */
export interface ConformanceGroup {
  readonly subject: string;
  readonly cases: readonly ConformanceCase[];
}

export function scenario(
  title: string,
  run: (bench: Bench) => Promise<void>,
  ...needs: ConformanceNeed[]
): ConformanceCase {
  return { title, needs, run };
}
