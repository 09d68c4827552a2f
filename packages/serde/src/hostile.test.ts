import { UndecodableError } from "@perdure/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { decodePrimitive } from "./primitive.ts";

const errorEntry = '{"class":2,"name":2,"message":2}';

/** Texts that decoding must refuse; none of them is written by `encode`. */
const texts: readonly (readonly [name: string, text: string])[] = [
  ["empty", ""],
  ["not JSON", "[1"],
  ["not JSON, with a secret in it", '{"password": hunter2}'],
  ["an object", "{}"],
  ["a string", '"a"'],
  ["null", "null"],
  ["an empty table", "[]"],
  ["a number that stands for nothing", "5"],
  ["the number of a hole", "-2"],
  ["the number of a sparse array", "-7"],
  ["a fraction", "-1.5"],
  ["nested 100,000 deep as JSON", "[".repeat(100_000) + "]".repeat(100_000)],
  ["nested 100,000 deep as a table", deepTable(100_000)],
  ["nested 1,001 deep as a table", deepTable(1_001)],
  ["nested deep through maps", `[${Array.from({ length: 5_000 }, (_, i) => `["Map",${i + 1},-1]`).join()},1]`],
  ["nested deep through null-prototype objects", `[${range(5_000, (i) => `["null","a",${i + 1}]`)},1]`],
  ["nested deep through sparse arrays", `[${range(5_000, (i) => `[-7,1,0,${i + 1}]`)},1]`],
  ["a chain of 100,000 errors without records", `[${range(100_000, (i) => `["Error",${i + 1}]`)},{}]`],
  ["a chain of boxes", '[["Object",1],["Object",2],["Object",0]]'],
  [
    "a chain against the order of the table",
    `[[${range(5_000, (i) => `${5_000 - i}`)}],1,${range(4_999, (i) => `[${i + 1}]`)}]`,
  ],
  ["a BigInt of a million digits", `[["BigInt","${"9".repeat(1_000_000)}"]]`],
  ["a BigInt that is not a number", '[["BigInt","0x10"]]'],
  ["a BigInt without text", '[["BigInt"]]'],
  ["a BigInt of nothing", '[["BigInt",""]]'],
  ["a sparse array of 10^9", "[[-7,1000000000]]"],
  ["a sparse array longer than an array can be", "[[-7,1e99]]"],
  ["a sparse array with an element outside of it", "[[-7,3,3,1],1]"],
  ["a sparse array with a negative index", "[[-7,3,-1,1],1]"],
  ["a sparse array whose index is a text", '[[-7,3,"__proto__",1],1]'],
  ["a sparse array with half an element", "[[-7,3,1]]"],
  ["a sparse array without a length", "[[-7]]"],
  ["a reference beyond the table", "[[7]]"],
  ["a negative reference", "[[-8]]"],
  ["the number of a sparse array as a reference", "[[0,-7]]"],
  ["a hole in an object", '[{"a":-2}]'],
  ["a hole in a Set", '[["Set",-2]]'],
  ["a fractional reference", "[[0.5]]"],
  ["a reference that is a text", '[[1,"1"],1]'],
  ["a reference that is null", "[[null]]"],
  ["a reference that is an object", '[{"a":{}}]'],
  ["an entry that nothing refers to", "[1,2]"],
  ["__proto__", '[{"__proto__":1},{"polluted":2},true]'],
  ["__proto__ of a null-prototype object", '[["null","__proto__",1],{}]'],
  ["a property without a value", '[["null","a"]]'],
  ["a property whose name is a number", '[["null",1,2],1,1]'],
  ["a map with a key and no value", '[["Map",1],1]'],
  ["an unknown tag", '[["Temporal.Instant","2020-01-01T00:00:00Z"]]'],
  ["an empty tag", '[[""]]'],
  ["a tag that is a name of Object.prototype", '[["constructor",1],1]'],
  ["a tag that is __proto__", '[["__proto__",1],1]'],
  ["a Date that is a number", '[["Date",5]]'],
  ["a Date in words", '[["Date","1 January 2020"]]'],
  ["a Date without time", '[["Date","2020-01-01"]]'],
  ["a RegExp that does not compile", '[["RegExp","("]]'],
  ["a RegExp with unknown flags", '[["RegExp","a","qq"]]'],
  ["a RegExp without source", '[["RegExp",5]]'],
  ["a giant RegExp", `[["RegExp","${"a".repeat(10_001)}"]]`],
  ["a URL that does not parse", '[["URL","not a url, hunter2"]]'],
  ["a URL without text", '[["URL",1],1]'],
  ["URLSearchParams without text", '[["URLSearchParams",{"a":1}]]'],
  ["a box around an object", '[["Object",1],{}]'],
  ["a box around null", '[["Object",1],null]'],
  ["a box around undefined", '[["Object",-1]]'],
  ["a box around itself", '[["Object",0]]'],
  ["an error that is its own record", '[["Error",0]]'],
  ["an error without a record", '[["Error"]]'],
  ["an error whose record is an array", '[["Error",1],[1]]'],
  ["an error whose record lacks a message", '[["Error",1],{"class":2,"name":2},"Error"]'],
  ["an error whose message comes first", '[["Error",1],{"message":2,"name":2,"class":2},"Error"]'],
  ["an error whose class is an object", '[["Error",1],{"class":1,"name":2,"message":2},"Error"]'],
  ["an error whose stack is a number", '[["Error",1],{"class":2,"name":2,"message":2,"stack":3},"Error",5]'],
  ["an error whose properties are an array", '[["Error",1],{"class":2,"name":2,"message":2,"own":3},"Error",[]]'],
  [
    "an error whose code comes after a part that leads back to it",
    '[["Error",1],{"class":2,"name":2,"message":2,"cause":0,"code":2},"Error"]',
  ],
  ["errors that share a record", `[[1,2],["Error",3],["Error",3],{"class":4,"name":4,"message":4},"Error"]`],
  [
    "errors that share their properties",
    `[[1,2],["Error",3],["Error",4],${errorEntryWith(5, 6)},${errorEntryWith(5, 6)},"Error",["null","a",-1]]`,
  ],
  ...["stack", "message", "cause"].map(
    (name) =>
      [
        `an error with a second ${name} among its properties`,
        `[["Error",1],${errorEntryWith(2, 3)},"Error",["null","${name}",2]]`,
      ] as const,
  ),
  ["errors that are each other's records", `[["Error",1],["Error",0],"x"]`],
  ["an array buffer without a blob", '[["ArrayBuffer",1],1]'],
  ["an array buffer in base64", '[["ArrayBuffer","AAAA"]]'],
  ["a view on a number", '[["Uint8Array",1],1000000000]'],
  ["a view on an array", '[["Uint8Array",1],[2],1]'],
  ["a view on itself", '[["Uint8Array",0]]'],
  ["a view without a buffer", '[["Uint8Array"]]'],
];

function errorEntryWith(text: number, own: number): string {
  return `{"class":${text},"name":${text},"message":${text},"own":${own}}`;
}

function range(count: number, entry: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => entry(index)).join();
}

function deepTable(depth: number): string {
  return `[${range(depth, (index) => `[${index + 1}]`)},1]`;
}

function refusalOf(text: string, blobs: readonly Uint8Array[] = []): UndecodableError {
  try {
    decode(text, blobs);
  } catch (error) {
    expect(UndecodableError.is(error), String(error)).toBe(true);
    return error as UndecodableError;
  }
  return expect.unreachable("it was decoded");
}

describe("what encoding does not write is refused", () => {
  for (const [name, text] of texts) {
    test(name, () => {
      const error = refusalOf(text);
      expect(error.message + String(error.cause)).not.toContain("hunter2");
      expect(decodePrimitive(text).hit).toBe(false);
      expect(Object.keys(Object.prototype)).toEqual([]);
    });
  }

  test("the same with blobs that fit", () => {
    const blob = new Uint8Array(6);
    const buffer = '["ArrayBuffer",2]';
    for (const [text, blobs] of [
      ["-1", [blob]],
      ["[5]", [blob]],
      [`[["Uint8Array",1],${buffer},1]`, [blob, blob]],
      [`[["Uint8Array",1],${buffer},2]`, [blob]],
      [`[["Uint8Array",1],${buffer},0]`, [blob]],
      [`[["Uint8Array",1],${buffer},1.5]`, [blob]],
      [`[["Uint8Array",1,0,7],${buffer},1]`, [blob]],
      [`[["Uint8Array",1,-1,2],${buffer},1]`, [blob]],
      [`[["Uint8Array",1,"0",2],${buffer},1]`, [blob]],
      [`[["Uint32Array",1],${buffer},1]`, [blob]],
      [`[["Uint32Array",1,1,1],${buffer},1]`, [blob]],
      [`[["DataView",1,7,1],${buffer},1]`, [blob]],
      [`[["Uint64Array",1],${buffer},1]`, [blob]],
      ['[[1,3],["ArrayBuffer",2],1,["ArrayBuffer",2]]', [blob]],
    ] as const) {
      refusalOf(text, blobs);
    }
    expect(decode(`[["Uint8Array",1,4,2],${buffer},1]`, [blob])).toEqual(new Uint8Array(2));
  });

  test("a text of too many parts or of brackets alone is refused before it is parsed", () => {
    expect(refusalOf(`[${"[],".repeat(6_000_000)}[]]`).message).toContain("1000000 parts");
    expect(refusalOf("[".repeat(10_000_000)).message).toContain("nested deeper");
    expect(refusalOf(`[["${'\\"[,'.repeat(50_000)}`).message).toContain("not JSON");
  });

  test("commas and brackets inside of strings are no parts", () => {
    const value = { text: ',[{"\\'.repeat(400_000), "[[[": ["]}"] };
    const { text } = encode(value);
    const limits = { nodes: 100 };
    expect(decode(text, [], { limits })).toEqual(value);
  });

  test("as many parts as can be written can be read, in the longest form", () => {
    const limits = { nodes: 40_000 };
    const views: Record<string, unknown> = Object.create(null);
    const memory = new ArrayBuffer(20_000);
    for (let index = 0; index < 19_990; index++) views[`k${index}`] = new Uint8Array(memory, index, 5);
    const { text, blobs } = encode(views, { limits });
    expect(text.length).toBeGreaterThan(64 * 1024);
    expect(decode(text, blobs, { limits })).toEqual(views);
  });

  test("an unknown type is named", () => {
    expect(refusalOf('[["Temporal.Instant",1],1]').message).toContain('"Temporal.Instant"');
  });

  test("a known form at the limit is read, cycles included", () => {
    expect(() => decode(deepTable(1_000), [])).not.toThrow();
    const cycle = decode("[[0]]", []) as unknown[];
    expect(cycle[0]).toBe(cycle);
    const map = decode('[["Map",0,0]]', []) as Map<unknown, unknown>;
    expect(map.get(map)).toBe(map);
    expect(decode(`[["Error",1],${errorEntry},"Error"]`, [])).toBeInstanceOf(Error);
  });
});

describe("damaged texts", () => {
  const samples = [
    { a: [1, "two", null, undefined], b: new Map([[1n, new Date(0)]]), c: new Set([/x/g]) },
    [new Error("boom", { cause: new AggregateError([new TypeError("t")]) }), Object.create(null)],
    [new Uint8Array(8), new DataView(new ArrayBuffer(4)), new URL("http://a/?b"), new Array(2)],
  ].map((value) => encode(value, { stacks: false }));

  test("give a value or an UndecodableError, and change no prototype", () => {
    const alphabet = fc.constantFrom(...'[]{}",:-0123456789aeE.\\', "__proto__", "constructor", "Error", "-7,", "null");
    const edit = fc.record({ at: fc.nat(400), remove: fc.nat(3), insert: alphabet });
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 3 }), (sample, edits) => {
        let text = sample.text;
        for (const { at, remove, insert } of edits) {
          const start = at % (text.length + 1);
          text = text.slice(0, start) + insert + text.slice(start + remove);
        }
        try {
          decode(text, sample.blobs);
        } catch (error) {
          if (!UndecodableError.is(error)) throw error;
        }
        return (
          Reflect.ownKeys(Object.prototype).length === prototypeKeys &&
          Reflect.ownKeys(Array.prototype).length === arrayKeys
        );
      }),
      { numRuns: 5_000 },
    );
  });

  const prototypeKeys = Reflect.ownKeys(Object.prototype).length;
  const arrayKeys = Reflect.ownKeys(Array.prototype).length;
});
