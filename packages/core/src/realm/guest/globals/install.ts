/** Puts the realm's globals in place. One override a file; this one says which there are. */
import { realmConsole } from "../console.ts";
import { installDate } from "./date.ts";
import { installRandom } from "./random.ts";

/** Replaces what would make a replay differ, and adds what a bare realm lacks. */
export function installGlobals(): void {
  installDate();
  installRandom();
  defineGlobal("console", realmConsole);
}

/** A global as the language defines its own: writable until hardened, not enumerable. */
export function defineGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}

/** The `globalThis` of one execution: it sees every global, and what the program writes to it stays in it. */
export function createExecutionGlobal(): object {
  return Object.create(globalThis) as object;
}
