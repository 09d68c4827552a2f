/** A memory store with a clock in the hands of the test. */
import type { StoreClock, WorldFixture } from "../src/conformance/test-world.ts";
import { createMemoryWorld, type MemoryEnv, MemoryStore } from "../src/memory-world.ts";
import type { World } from "../src/world.ts";

export interface MemoryFixtureOptions {
  readonly compareAndAppend?: boolean;
  /** What each world is opened with in place of `createMemoryWorld`, for worlds that are made to fail. */
  readonly wrap?: (world: World, store: MemoryStore, clock: StoreClock) => World;
}

export function openMemoryFixture({
  compareAndAppend = true,
  wrap = (world) => world,
}: MemoryFixtureOptions = {}): WorldFixture & { readonly store: MemoryStore } {
  let now = 1_700_000_000_000;
  const clock: StoreClock = {
    now: () => now,
    set: (at) => {
      now = at;
    },
  };
  const env: MemoryEnv = {
    now: clock.now,
    setTimer(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
  const store = new MemoryStore("memory under test");
  const open = () => wrap(createMemoryWorld({ env, store, compareAndAppend }), store, clock);
  let first = open();
  let second: World | undefined;
  const close = async () => {
    await Promise.all([first.close(), second?.close()]);
    second = undefined;
  };
  return {
    store,
    clock,
    world: () => first,
    second: async () => {
      second ??= open();
      return second;
    },
    restart: async () => {
      await close();
      first = open();
    },
    close,
  };
}
