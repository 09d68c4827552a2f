/**
 * The readers of the realm: the guest as it is stored with every bundle, hardened, in a context as the engine makes one.
 * What comes in is the result of a step, and what goes out the result of the workflow that returns it.
 */
import vm from "node:vm";
import { guestSource } from "@perdure/core/simulation";

/** What became of a value that was given to the realm. */
export type GuestResult =
  | { readonly kind: "returned"; readonly text: string; readonly blobs: readonly Uint8Array[] }
  | { readonly kind: "failed"; readonly code: string | null }
  | { readonly kind: "undecodable" };

interface Decision {
  readonly type: string;
  readonly code: string | null;
  readonly text: string | null;
  readonly blobs: readonly Uint8Array[];
}

interface Port {
  open(...args: [string, string, string, string, string, boolean]): { readonly decisions: Decision[] };
  stage(size: number): Uint8Array;
  start(execution: object, position: number, at: number, bundle: object, workflowId: string, text: string): string;
  settle(execution: object, ...args: [number, number, string, boolean, string, string]): string;
  rest(execution: object): string;
}

const bundleSource = `(function (globalThis, self, global, __perdure) { "use strict";
return { main: async () => await __perdure.callStep("s", "s", null, []) };
})`;

const seed = "00".repeat(32);
const drain = new vm.Script("0");

/** One realm, in which any number of values are read. */
export class GuestRealm {
  readonly #context: vm.Context;
  readonly #port: Port;
  readonly #bundle: object;

  constructor() {
    this.#context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
      microtaskMode: "afterEvaluate",
      codeGeneration: { strings: false, wasm: false },
    });
    const guest = vm.runInContext(guestSource, this.#context) as { boot(shared: boolean): Port };
    this.#port = guest.boot(true);
    this.#bundle = vm.runInContext(bundleSource, this.#context) as object;
  }

  /** Reads text and blobs as the result of a step, and returns the value from the workflow. */
  pass(text: string, blobs: readonly Uint8Array[]): GuestResult {
    const port = this.#port;
    const execution = port.open("wrun_1", "main", seed, "en-US", "UTC", false);
    port.start(execution, 1, 0, this.#bundle, "main", "[[]]");
    drain.runInContext(this.#context);
    port.rest(execution);
    for (const blob of blobs) port.stage(blob.byteLength).set(blob);
    const result = port.settle(execution, 2, 0, "step:s#1", true, "text", text);
    if (result === "undecodable") {
      port.rest(execution);
      return { kind: "undecodable" };
    }
    drain.runInContext(this.#context);
    port.rest(execution);
    const last = execution.decisions.at(-1);
    if (last?.type === "run_completed") return { kind: "returned", text: last.text ?? "", blobs: last.blobs };
    return { kind: "failed", code: last?.code ?? null };
  }

  /** Whether anything was added to the realm's global or its `Object.prototype`. */
  isClean(): boolean {
    return vm.runInContext("Object.isFrozen(globalThis) && Object.isFrozen(Object.prototype)", this.#context) === true;
  }
}
