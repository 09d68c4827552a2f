/** `queueMicrotask`. What the callback throws is a rejection that nobody handles. */
import { defineGlobal } from "./define.ts";

export function installMicrotask(): void {
  defineGlobal("queueMicrotask", function queueMicrotask(callback: unknown): void {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask needs a function.");
    void Promise.resolve().then(() => {
      Reflect.apply(callback, undefined, []);
    });
  });
}
