/** Opens executions in the right realm: the shared one of their bundle, one of their own, or a fresh one for a retry. */
import type { LogEvent } from "@perdure/world";
import { HydrationMemo } from "../hydrate/hydration-memo.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import type { Realm, RealmGuard } from "../realm/realm.ts";
import { RealmCache } from "../realm/realm-cache.ts";
import { adoptRealm } from "../realm/rejections.ts";
import { Execution } from "../replay/execution.ts";
import { dispatchOf } from "../step/registry.ts";

/** A turn that was stopped is tried once more with this many times the limit (rule 17). */
const aloneLimitFactor = 4;

export interface OpenRequest {
  readonly runId: string;
  readonly bundle: HeldBundle;
  readonly memo: HydrationMemo;
  readonly created: LogEvent<"run_created">;
  readonly alone: boolean;
  readonly trace: boolean;
}

export interface ExecutionFactoryOptions {
  readonly guard: RealmGuard;
  readonly turnLimitMs: number;
  /** Workflow code of this bundle left a promise rejected that nothing handled; `what` is the error's name. */
  readonly onStrayRejection: (bundle: HeldBundle, what: string) => void;
}

export class ExecutionFactory {
  readonly #realms: RealmCache;
  readonly #options: ExecutionFactoryOptions;
  readonly #adopted = new WeakSet<Realm>();
  /** Rejections that nothing has handled so far, by bundle. */
  readonly #strays = new Map<string, string[]>();

  constructor(options: ExecutionFactoryOptions) {
    this.#realms = new RealmCache({ guard: options.guard });
    this.#options = options;
  }

  newMemo(): HydrationMemo {
    return new HydrationMemo();
  }

  open({ runId, bundle, memo, created, alone, trace }: OpenRequest): Execution {
    const { isolation } = created.data;
    const realm = alone ? this.#realms.create(bundle, isolation) : this.#realms.get(bundle, isolation);
    this.#adopt(realm);
    const { turnLimitMs } = this.#options;
    const limitMs = alone ? turnLimitMs * aloneLimitFactor : turnLimitMs;
    return Execution.open({ runId, created, realm, memo, limitMs, trace, dispatchOf });
  }

  /** A run of this bundle has ended: what was rejected and is still not handled never will be. */
  judgeRejections(bundle: HeldBundle): void {
    const strays = this.#strays.get(bundle.id) ?? [];
    this.#strays.delete(bundle.id);
    // A replay rejects the same promises anew.
    for (const what of new Set(strays)) this.#options.onStrayRejection(bundle, what);
  }

  /** From now on no rejection in the realm reaches the process; a late `catch` takes it off the list. */
  #adopt(realm: Realm): void {
    if (this.#adopted.has(realm)) return;
    this.#adopted.add(realm);
    const { id } = realm.bundle;
    const rejected = (what: string): void => {
      this.#strays.set(id, [...(this.#strays.get(id) ?? []), what]);
    };
    const handled = (what: string): void => {
      const left = this.#strays.get(id) ?? [];
      const index = left.indexOf(what);
      if (index >= 0) this.#strays.set(id, left.toSpliced(index, 1));
    };
    adoptRealm(realm.promisePrototype, rejected, handled);
  }
}
