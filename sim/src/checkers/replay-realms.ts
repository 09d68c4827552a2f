/** The realms in which the logs of one program are read back: for each bundle a shared one, and one of the other kind. */
import { type HeldBundle, type Realm, RealmCache, unguarded } from "@perdure/core/simulation";
import type { IsolationMode } from "@perdure/world";

export class ReplayRealms {
  readonly #cache = new RealmCache({ guard: unguarded, realmsMax: 4, scriptsMax: 4 });
  /**
   * A realm whose intrinsics are not frozen is for one execution at a time. Replays come one after the other, and generated
   * programs patch nothing, so one serves them all.
   */
  readonly #own = new Map<string, Realm>();

  get(bundle: HeldBundle, isolation: IsolationMode): Realm {
    if (isolation === "shared") return this.#cache.get(bundle, isolation);
    const realm = this.#own.get(bundle.id) ?? this.#cache.create(bundle, isolation);
    this.#own.set(bundle.id, realm);
    return realm;
  }
}
