/**
 * The engine keeps what a process has registered on its global object. The simulated processes share one, so each has its
 * own registry put there before its code runs.
 */
const registryKey = Symbol.for("perdure/registry@1");

type Holder = { [registryKey]?: unknown };

/** A registry that is in place only while its process runs. */
export class RegistrySwitch {
  #registry: unknown;

  enter(): void {
    (globalThis as Holder)[registryKey] = this.#registry;
  }

  leave(): void {
    this.#registry = (globalThis as Holder)[registryKey];
    delete (globalThis as Holder)[registryKey];
  }
}
