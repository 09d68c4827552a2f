/**
 * The realms that this process keeps: the most recently used shared ones, and the compiled scripts of the bundles, which
 * outlive their realms because compiling costs more than keeping them.
 */
import type { IsolationMode } from "@perdure/world";
import type { HeldBundle } from "./bundle.ts";
import { compileBundle, Realm, type RealmGuard, type RealmScripts } from "./realm.ts";

/** How a cache is made. */
export interface RealmCacheOptions {
  readonly guard: RealmGuard;
  /** Shared realms that are kept. Executions that still hold an evicted one keep it alive. Default 64. */
  readonly realmsMax?: number;
  /** Bundles whose compiled scripts are kept. Default 256. */
  readonly scriptsMax?: number;
}

/** A map that forgets what was used longest ago. */
class RecentlyUsed<V> {
  readonly #entries = new Map<string, V>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, create: () => V): V {
    const value = this.#entries.get(key) ?? create();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
    return value;
  }

  peek(key: string): V | undefined {
    return this.#entries.get(key);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  get size(): number {
    return this.#entries.size;
  }
}

export class RealmCache {
  readonly #guard: RealmGuard;
  readonly #realms: RecentlyUsed<Realm>;
  readonly #scripts: RecentlyUsed<RealmScripts>;

  constructor(options: RealmCacheOptions) {
    this.#guard = options.guard;
    this.#realms = new RecentlyUsed(options.realmsMax ?? 64);
    this.#scripts = new RecentlyUsed(options.scriptsMax ?? 256);
  }

  /** How many shared realms are kept. */
  get size(): number {
    return this.#realms.size;
  }

  /** A realm for an execution of this bundle: the shared one, or a new one of its own for isolation `run`. */
  get(bundle: HeldBundle, isolation: IsolationMode): Realm {
    if (isolation === "run") return this.create(bundle, isolation);
    const kept = this.#realms.peek(bundle.id);
    if (kept?.retired === true) this.#realms.delete(bundle.id);
    return this.#realms.get(bundle.id, () => this.create(bundle, isolation));
  }

  /** A fresh realm that the cache does not keep, for a turn that has to be tried alone. */
  create(bundle: HeldBundle, isolation: IsolationMode): Realm {
    const scripts = this.#scripts.get(bundle.id, () => compileBundle(bundle));
    return Realm.create(bundle, { isolation, guard: this.#guard, scripts });
  }

  /** Takes a realm out of use; its executions are dead (`realm.retired`). */
  retire(realm: Realm): void {
    realm.retire();
    if (this.#realms.peek(realm.bundle.id) === realm) this.#realms.delete(realm.bundle.id);
  }
}
