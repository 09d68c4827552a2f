/** Opens executions in the right realm: the shared one of their bundle, one of their own, or a fresh one for a retry. */
import type { LogEvent } from "@perdure/world";
import { HydrationMemo } from "../hydrate/hydration-memo.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import type { Guard } from "../realm/guard.ts";
import { RealmCache } from "../realm/realm-cache.ts";
import { Execution } from "../replay/execution.ts";

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

export class ExecutionFactory {
  readonly #realms: RealmCache;
  readonly #turnLimitMs: number;

  constructor(guard: Guard, turnLimitMs: number) {
    this.#realms = new RealmCache({ guard });
    this.#turnLimitMs = turnLimitMs;
  }

  newMemo(): HydrationMemo {
    return new HydrationMemo();
  }

  open({ runId, bundle, memo, created, alone, trace }: OpenRequest): Execution {
    const { isolation } = created.data;
    const realm = alone ? this.#realms.create(bundle, isolation) : this.#realms.get(bundle, isolation);
    const limitMs = alone ? this.#turnLimitMs * aloneLimitFactor : this.#turnLimitMs;
    return Execution.open({ runId, created, realm, memo, limitMs, trace });
  }
}
