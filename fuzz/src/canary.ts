/** A function that no input may reach: it stands on the global object, and texts of the inputs call it by name. */

const name = "perdureFuzzCanary";

/** Code that calls the canary; it stands in texts, names and sources of regular expressions. */
export const canaryCall = `globalThis.${name}()`;

let calls = 0;

/** Puts the canary in place. */
export function installCanary(): void {
  Object.defineProperty(globalThis, name, {
    value: () => {
      calls++;
    },
    configurable: true,
  });
}

/** How often the canary was called since the last time that this was asked. */
export function takeCanaryCalls(): number {
  const count = calls;
  calls = 0;
  return count;
}
