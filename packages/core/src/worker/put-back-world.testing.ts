/** A store that can be put back to an earlier state under its workers: two stores in memory, told the same until a backup. */
import type { World } from "@perdure/world";
import { createMemoryWorld } from "@perdure/world/memory";
import type { VirtualEnv } from "./virtual-env.testing.ts";

type Room = Readonly<Record<string, unknown>>;

export class PutBackWorld {
  /** What workers and clients see. */
  readonly world: World;
  /** Who is told: the store and its copy, the store alone, or the copy in the store's place. */
  #told: "both" | "store" | "copy" = "both";

  constructor(env: VirtualEnv) {
    const storeEnv = { now: () => env.elapsed(), setTimer: env.setTimer.bind(env) };
    const [store, copy] = [createMemoryWorld({ env: storeEnv }), createMemoryWorld({ env: storeEnv })];
    this.world = this.#facade(store as unknown as Room, copy as unknown as Room) as unknown as World;
  }

  /** What is written from now on is lost when the store is put back. */
  backUp(): void {
    this.#told = "store";
  }

  putBack(): void {
    this.#told = "copy";
  }

  #facade(store: Room, copy: Room): Room {
    return new Proxy(store, {
      get: (_target, name: string) => {
        const [first, second] = [store[name], copy[name]];
        if (typeof first === "function" && typeof second === "function") {
          return (...call: unknown[]): unknown => this.#call(first.bind(store), second.bind(copy), call);
        }
        const isRoom = typeof first === "object" && first !== null;
        return isRoom ? this.#facade(first as Room, second as Room) : first;
      },
    });
  }

  #call(first: (...call: unknown[]) => unknown, second: (...call: unknown[]) => unknown, call: unknown[]): unknown {
    if (this.#told === "copy") return second(...call);
    const answer = first(...call);
    if (this.#told === "both") Promise.resolve(second(...call)).catch(() => {});
    return answer;
  }
}
