/**
 * `Symbol.dispose` and `Symbol.asyncDispose`, which V8 has in a bare realm only since Node 24. A class body needs them when the guest
 * is evaluated, which is before any global is installed; so importing this file provides both.
 */

/** `Symbol.dispose`, put there when the realm lacks it. */
export const disposeSymbol: typeof Symbol.dispose = provide("dispose") as typeof Symbol.dispose;

// Nothing in the guest uses the second symbol; workflow code finds it under the same name on every Node.
provide("asyncDispose");

function provide(name: "dispose" | "asyncDispose"): symbol {
  if (Symbol[name] === undefined) {
    Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`), writable: false });
  }
  return Symbol[name];
}
