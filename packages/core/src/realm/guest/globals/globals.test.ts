import { describe, expect, it } from "vitest";
import { given } from "../../../replay/history.testing.ts";
import { evaluate, failureOf } from "../../evaluate.testing.ts";

describe("randomness comes from the run's seed", () => {
  const draws = `return [Math.random(), Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(70))],
    [...crypto.getRandomValues(new Uint32Array(2))].length, createHook().token]`;

  it("gives the same draws for the same seed and others for another", () => {
    const [first, again, other] = [{}, {}, { seed: "ff".repeat(32) }].map((options) => evaluate(draws, options));
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("keeps the purposes apart: drawing for one moves no other", () => {
    const token = "return createHook().token";
    expect(evaluate(`Math.random(); crypto.randomUUID(); ${token}`)).toBe(evaluate(token));
    expect(evaluate("crypto.randomUUID(); return Math.random()")).toBe(evaluate("return Math.random()"));
  });

  it("draws version 4 UUIDs and numbers spread over [0, 1)", () => {
    expect(evaluate("return crypto.randomUUID()")).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const numbers = evaluate("return Array.from({ length: 2000 }, () => Math.random())") as number[];
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = numbers.reduce((sum, number) => sum + number) / numbers.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
    expect(new Set(numbers).size).toBe(2000);
  });

  it("goes on across deliveries as a replay does", () => {
    const run = given(`async () => {
      const draws = [Math.random()];
      await step("a")();
      draws.push(Math.random(), crypto.randomUUID());
      return draws;
    }`).start();
    run.completes("a#1", null).replaysEqually();
    expect(run.result()).toHaveLength(3);
  });

  it.each([
    ["crypto.getRandomValues(new Float64Array(1))", "TypeMismatchError"],
    ["crypto.getRandomValues([1])", "TypeMismatchError"],
    ["crypto.getRandomValues(new Uint8Array(65537))", "QuotaExceededError"],
  ])("%s is refused", (expression, name) => {
    expect(failureOf(`return ${expression}`).error).toMatchObject({ name });
  });
});

describe("what exists in every run", () => {
  it.each<[string, unknown]>([
    [
      "new URL('https://user:pw@exämple.org:8080/a/../b?q=1&q=2#h').href",
      "https://user:pw@xn--exmple-cua.org:8080/b?q=1&q=2#h",
    ],
    ["new URL('/x?y=1', 'http://h/').searchParams.get('y')", "1"],
    ["new URLSearchParams({ a: '1 2', b: 'é' }).toString()", "a=1+2&b=%C3%A9"],
    ["URL.canParse('nope') || new URL('http://a').constructor.name", "URL"],
    ["structuredClone(new URLSearchParams('a=1')) instanceof Object", true],
    ["[...new TextEncoder().encode('aé€😀\\ud800')]", [97, 195, 169, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189]],
    ["new TextEncoder().encodeInto('aé€', new Uint8Array(4))", { read: 2, written: 3 }],
    [
      "(() => { const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])); })()",
      "€",
    ],
    ["new TextDecoder('utf8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])).length", 2],
    ["atob(btoa('hello\\xff')) + btoa('a') + btoa('ab') + btoa('')", "helloÿYQ==YWI="],
    ["atob(' Y Q == ')", "a"],
    ["await new Promise((resolve) => queueMicrotask(() => resolve('micro')))", "micro"],
    ["structuredClone(new Map([[1, { a: new Set([1, [2]]) }]]))", new Map([[1, { a: new Set([1, [2]]) }]])],
    [
      "structuredClone([new Date(5), /a/gi, 5n, undefined, new Array(2), new Uint16Array([1, 2]).subarray(1)])",
      [new Date(5), /a/gi, 5n, undefined, new Array(2), new Uint16Array([2])],
    ],
    ["(() => { const a = {}; a.self = a; const b = structuredClone(a); return b.self === b && b !== a; })()", true],
    ["structuredClone(new (class A { b = 1 })())", { b: 1 }],
    [
      "(() => { const e = structuredClone(new RangeError('m', { cause: [1] })); return [e instanceof RangeError, e.message, e.cause]; })()",
      [true, "m", [1]],
    ],
    [
      "(() => { const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength]; })()",
      [0, 4],
    ],
    ["[structuredClone(new Map()) instanceof Map, structuredClone({}).constructor === Object]", [true, true]],
    ["await Array.fromAsync([1, Promise.resolve(2)])", [1, 2]],
    [
      "[typeof Symbol.dispose, typeof Symbol.asyncDispose, typeof Temporal, typeof Float16Array]",
      ["symbol", "symbol", "undefined", "undefined"],
    ],
    ["[RegExp.$1, (/(a)/.test('a'), RegExp.$1), RegExp.lastMatch]", [undefined, undefined, undefined]],
    [
      "new DOMException('m', 'AbortError').name + (new DOMException('m', 'AbortError') instanceof Error)",
      "AbortErrortrue",
    ],
    [
      "[typeof setTimeout, typeof fetch, typeof AbortController, typeof WeakRef]",
      ["function", "function", "function", "function"],
    ],
    [
      "[typeof process, typeof Buffer, typeof require, typeof module]",
      ["undefined", "undefined", "undefined", "undefined"],
    ],
    ["({}) instanceof AbortSignal || ({}) instanceof Blob", false],
    ["(() => {}) instanceof Function && (async () => {}) instanceof Function", true],
    [
      "[self === globalThis, global === globalThis, globalThis.globalThis === globalThis, global.Object === Object]",
      [true, true, true, true],
    ],
    ["(() => { globalThis.fetch = 5; globalThis.mine = 6; return [globalThis.fetch, globalThis.mine]; })()", [5, 6]],
    ["(() => { (globalThis.zod ??= {}).config = 1; return globalThis.zod.config; })()", 1],
    ["Error.stackTraceLimit", 100],
    ["(() => { Error.prepareStackTrace = (error, sites) => sites; return typeof new Error('x').stack; })()", "string"],
  ])("%s", (expression, expected) => {
    expect(evaluate(`return ${expression}`)).toEqual(expected);
  });

  it.each([
    ["new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))", "TypeError"],
    ["new TextDecoder('latin1')", "RangeError"],
    ["atob('a')", "InvalidCharacterError"],
    ["btoa('€')", "InvalidCharacterError"],
    ["queueMicrotask(1)", "TypeError"],
    ["structuredClone(() => 1)", "DataCloneError"],
    ["structuredClone({ a: Symbol('s') })", "DataCloneError"],
    ["structuredClone(new WeakMap())", "DataCloneError"],
    ["structuredClone(1, { transfer: [{}] })", "DataCloneError"],
    ["new URL('nope')", "TypeError"],
  ])("%s throws %s", (expression, name) => {
    expect(failureOf(`return ${expression}`).error).toMatchObject({ name });
  });

  it("decodes malformed UTF-8 as the host does", () => {
    const samples = [
      [0xff, 0x61],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x98],
      [0xed, 0xa0, 0x80],
      [0xc0, 0xaf],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x28, 0xa1],
    ];
    const expected = samples.map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)));
    expect(
      evaluate(`return ${JSON.stringify(samples)}.map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)))`),
    ).toEqual(expected);
  });
});

describe("what workflow code cannot have", () => {
  it.each([
    ["setTimeout(() => {}, 1)", /setTimeout .*sleep\(/s],
    ["setInterval(() => {}, 1)", /setInterval .*sleep\(/s],
    ["setImmediate(() => {})", /setImmediate .*queueMicrotask/s],
    ["clearTimeout(1)", /clearTimeout .*sleep\(/s],
    ["fetch('http://x')", /fetch .*"use step"/s],
    ["new Headers()", /Headers .*"use step"/s],
    ["new Request('http://x')", /Request .*"use step"/s],
    ["Response.json({})", /Response\.json .*"use step"/s],
    ["new Blob([])", /Blob .*Uint8Array/s],
    ["new AbortController()", /AbortController .*sleep\(\)/s],
    ["AbortSignal.timeout(5)", /AbortSignal\.timeout .*sleep\(\)/s],
    ["new ReadableStream()", /ReadableStream .*step/s],
    ["new WeakRef({})", /WeakRef .*strong reference/s],
    ["new FinalizationRegistry(() => {})", /FinalizationRegistry .*strong reference/s],
    ["new SharedArrayBuffer(1)", /SharedArrayBuffer .*ArrayBuffer/s],
    ["Atomics.wait(new Int32Array(1), 0, 0)", /Atomics\.wait .*sleep/s],
    ["Atomics.waitAsync(new Int32Array(1), 0, 0)", /Atomics\.waitAsync .*sleep/s],
    ["WebAssembly.compile(new Uint8Array())", /WebAssembly\.compile .*step/s],
    ["new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })", /WebAssembly\.Memory .*step/s],
    ["new Function('return 1')", /Function .*module/s],
    ["(async () => {}).constructor('return 1')", /AsyncFunction .*module/s],
    ["(function* () {}).constructor('yield 1')", /GeneratorFunction .*module/s],
    ["eval('1')", /eval .*module/s],
    ["crypto.subtle", /crypto\.subtle .*step/s],
    ["performance.mark('x')", /performance\.mark .*step/s],
    ["process.env.X", /process .*argument/s],
    ["Buffer.from('a')", /Buffer .*Uint8Array/s],
    ["require('fs')", /require .*Import/s],
    ["__dirname", /__dirname .*step/s],
  ])("%s", (expression, sentence) => {
    const { code, error } = failureOf(`return ${expression}`);
    expect(code).toBe("USER_ERROR");
    expect(error).toMatchObject({ code: "UNAVAILABLE_IN_WORKFLOW_CONTEXT", message: expect.stringMatching(sentence) });
  });
});

describe("console", () => {
  it("keeps lines with their level, close to how Node prints them", () => {
    const run = given(`async () => {
      console.log("text", 1, -0, 5n, null, undefined, Symbol("s"), [1, "two", [3]], { a: { b: { c: { d: { e: 1 } } } } });
      console.warn("%s is %d of %i, %j%%", "x", "5", 6.7, { a: 1 }, "rest");
      console.error(new Map([["k", new Set([1])]]), new Date(0), /a/g, () => 1, class Foo {}, new (class Bar { x = 1 })());
      console.info(Object.create(null), new Uint8Array([1, 2]), { get trap() { throw new Error("never"); } });
      const loop = {}; loop.self = loop;
      console.debug(loop);
      console.assert(1 === 2, "not equal");
      console.assert(true, "silent");
      console.log(new Error("boom").message, { error: new TypeError("inner") });
    }`).start();
    expect(run.lines).toEqual([
      "log: text 1 -0 5n null undefined Symbol(s) [ 1, 'two', [ 3 ] ] { a: { b: { c: { d: [Object] } } } }",
      "warn: x is 5 of 6, { a: 1 }% rest",
      "error: Map(1) { 'k' => Set(1) { 1 } } 1970-01-01T00:00:00.000Z /a/g [Function (anonymous)] [Function: Foo] Bar { x: 1 }",
      "info: [Object: null prototype] {} Uint8Array [ 1, 2 ] { trap: [Getter/Setter] }",
      "debug: { self: [Circular] }",
      "error: Assertion failed not equal",
      "log: boom { error: [TypeError: inner] }",
    ]);
    run.replaysEqually();
  });

  it("drops lines beyond a bound and says so", () => {
    const run = given(`async () => { for (let index = 0; index < 20000; index++) console.log(index); }`).start();
    expect(run.lines).toHaveLength(10_001);
    expect(run.lines.at(-1)).toBe("log: further console lines were dropped");
  });
});
