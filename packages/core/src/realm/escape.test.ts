import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { given } from "../replay/history.testing.ts";

/** What each way out finds: `typeof process` in the code that it could make, or why it could make none. */
const attempt = (expression: string): string =>
  `await (async () => {
    const tryFrom = (from) => { try { return "ran: " + from.constructor.constructor("return typeof process")(); } catch { return "blocked"; } };
    try { const found = await (${expression}); return typeof found === "string" ? found : tryFrom(found); }
    catch (error) { return "threw " + tryFrom(error); }
  })()`;

const attempts: readonly string[] = [
  "this ?? {}",
  "{}",
  "globalThis",
  "Object.getPrototypeOf(Object.getPrototypeOf(globalThis))",
  "Object.getPrototypeOf(async function () {}).constructor",
  "sleep",
  "__perdure",
  "__perdure.callStep",
  "__perdure.api",
  "console.log",
  "createHook().then",
  "createHook().constructor",
  "step('a')()[Symbol.toStringTag]",
  "Object.getPrototypeOf(step('a')(1))",
  "(() => { try { sleep('nonsense'); } catch (error) { return error; } })()",
  "step('a')(() => {}).catch((error) => error)",
  "step('a')({ get trap() { throw 1; } }).catch((error) => error.cause ?? error)",
  "(() => { const deep = () => { try { return deep(); } catch (error) { return error; } }; return deep(); })()",
  "(() => { const deep = () => { try { sleep(1); return deep(); } catch (error) { return error; } }; return deep(); })()",
  "(() => { try { null.x; } catch (error) { return error; } })()",
  "(() => { try { eval('1'); } catch (error) { return error; } })()",
  "(() => { try { new Function('1'); } catch (error) { return error; } })()",
  "(() => { try { return (function () { return arguments.callee.caller; })(); } catch (error) { return error; } })()",
  "(() => { try { return sleep.caller; } catch (error) { return error; } })()",
  "(() => { try { return sleep.arguments; } catch (error) { return error; } })()",
  "(() => { let sites; Error.prepareStackTrace = (error, all) => { sites = all; }; String(new Error('x').stack); return sites ?? {}; })()",
  "(() => { let sites; const format = Error.prepareStackTrace; const fake = new Proxy([], {}); return format(new Error('x'), fake); })()",
  "(() => { const target = {}; Error.captureStackTrace(target); return target.stack.includes('node:') ? 'ran: host frames' : {}; })()",
  "(() => { try { structuredClone(() => 1); } catch (error) { return error; } })()",
  "new URL('http://a/')",
  "new Proxy({}, { get() { throw new Error('trap'); } })",
];

describe("nothing that workflow code can reach leads to the host", () => {
  it.each(attempts)("%s", (expression) => {
    for (const isolation of ["shared", "run"] as const) {
      const run = given(`async () => ${attempt(expression)}`, { isolation }).start();
      expect(run.fault).toBeNull();
      expect(run.result()).not.toContain("ran:");
    }
  });

  it("tells a way out when there is one", () => {
    const context = vm.createContext({ leak: () => 1 }, { codeGeneration: { strings: false, wasm: false } });
    expect(vm.runInContext(`leak.constructor.constructor("return typeof process")()`, context)).toBe("object");
  });

  // Node rejects with an error of the host. Only the compiler keeps `import()` out: the realm is no sandbox for hostile code.
  it("is left open by import(), which the compiler refuses", async () => {
    const run = given(`async () => {
      let found = "nothing yet";
      import("node:fs").catch((error) => { found = error.constructor.constructor("return typeof process")(); });
      await step("a")();
      return found;
    }`).start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(run.completes("a#1", null).result()).toBe("object");
  });
});
