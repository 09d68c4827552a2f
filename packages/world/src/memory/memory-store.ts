import { MemorySpace } from "./memory-space.ts";

/** The data behind memory worlds: several of them may share one, like processes that share a database. */
export class MemoryStore {
  /** See `WorldDescription.incarnation`. */
  readonly incarnation: string;
  readonly #spaces = new Map<string, MemorySpace>();

  /** `incarnation` tells this store from another one; give each its own where several are used in turn. */
  constructor(incarnation = "memory") {
    this.incarnation = incarnation;
  }

  /** @internal The data of one namespace. */
  space(namespace: string): MemorySpace {
    const known = this.#spaces.get(namespace);
    if (known !== undefined) return known;
    const space = new MemorySpace(namespace);
    this.#spaces.set(namespace, space);
    return space;
  }
}
