/**
 * A realm: a `node:vm` context that holds one bundle and its executions.
 *
 * Owns: the context, the guest's port, draining, guarded entry. Does not own: what is delivered (replay/execution.ts) or
 * which realms are kept (realm-cache.ts). No host object is ever handed in: the host calls functions of the guest with
 * primitives and reads primitives from its records.
 */
import vm from "node:vm";
import { invariant } from "@perdure/errors";
import type { IsolationMode } from "@perdure/world";
import type { HeldBundle } from "./bundle.ts";
import type { Guard } from "./guard.ts";
import type { GuestPort } from "./guest-port.ts";
import { runInRootScope } from "./root-scope.ts";

/** What a realm needs of a guard. */
export type RealmGuard = Pick<Guard, "run"> & Partial<Pick<Guard, "lastStop">>;

/** How a realm is made. */
export interface RealmOptions {
  /** `shared`: intrinsics are frozen, and any number of executions may live in it. `run`: for one execution alone. */
  readonly isolation: IsolationMode;
  readonly guard: RealmGuard;
  /** Compiled scripts to use; default: compile them here. */
  readonly scripts?: RealmScripts;
}

/** The compiled code of a bundle, which any number of realms can run. */
export interface RealmScripts {
  readonly guest: vm.Script;
  readonly code: vm.Script;
}

/** Compiles a bundle. Throws the `SyntaxError` of code that is none. */
export function compileBundle(bundle: HeldBundle): RealmScripts {
  return {
    guest: new vm.Script(bundle.guest, { filename: guestFile }),
    code: new vm.Script(bundle.code, { filename: bundleFile(bundle.id) }),
  };
}

const guestFile = "perdure:guest";

/** The name of a bundle's script in stacks, which `mapStack` turns into the user's files. */
export const bundleFile = (bundleId: string): string => `${bundleId}.js`;

// Running any script makes V8 run the jobs that are waiting in the context.
const emptyScript = new vm.Script("0", { filename: "perdure:drain" });

/** One realm. */
export class Realm {
  readonly bundle: HeldBundle;
  readonly isolation: IsolationMode;
  readonly port: GuestPort;
  /** The bundle's function, of the realm; `GuestPort.start` takes it. */
  readonly bundleFunction: object;
  readonly #context: vm.Context;
  readonly #guard: RealmGuard;
  #isRetired = false;

  private constructor(bundle: HeldBundle, options: RealmOptions) {
    const scripts = options.scripts ?? compileBundle(bundle);
    this.bundle = bundle;
    this.isolation = options.isolation;
    this.#guard = options.guard;
    this.#context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
      name: bundle.id,
      microtaskMode: "afterEvaluate",
      codeGeneration: { strings: false, wasm: false },
    });
    const guest = scripts.guest.runInContext(this.#context) as { boot(shared: boolean): GuestPort };
    this.port = guest.boot(options.isolation === "shared");
    this.bundleFunction = scripts.code.runInContext(this.#context) as object;
    invariant(typeof this.bundleFunction === "function", `bundle ${bundle.id} is not a function`);
  }

  /** Builds a realm for a bundle: a few milliseconds. */
  static create(bundle: HeldBundle, options: RealmOptions): Realm {
    return runInRootScope(() => new Realm(bundle, options));
  }

  /** By this prototype the promises of this realm are told from everybody else's. */
  get promisePrototype(): object {
    return this.port.promisePrototype;
  }

  /** A delivery in it was stopped: its executions are dead, and have to be rebuilt by replay in another realm. */
  get retired(): boolean {
    return this.#isRetired;
  }

  /** The last call was stopped by a signal from outside, and not because it had lasted too long. */
  get wasInterrupted(): boolean {
    return this.#guard.lastStop === "signal";
  }

  /** Enters the realm: what `job` calls here may run workflow code, for `limitMs` milliseconds at most. */
  enter(job: () => void, limitMs: number): "done" | "stopped" {
    invariant(!this.#isRetired, "a retired realm is not entered again");
    const result = runInRootScope(() => this.#guard.run(job, limitMs));
    if (result === "stopped") this.retire();
    return result;
  }

  /** Runs the jobs that wait in the realm until there are none. Only inside of `enter`. */
  drain(): void {
    emptyScript.runInContext(this.#context);
  }

  /** Nothing is to run in this realm any more. */
  retire(): void {
    this.#isRetired = true;
  }
}
