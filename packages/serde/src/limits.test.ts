import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { UndecodableError } from "@perdure/errors";
import { expect, test } from "vitest";
import { decode } from "./decode.ts";
import type { CodecLimits } from "./limits.ts";

/** Texts at a limit and one beyond it, written by hand: reading holds the limits whoever wrote. */
const edges: readonly (readonly [name: string, text: (count: number) => string, limit: number])[] = [
  ["depth", (count) => `[${list(count, (index) => `[${index + 1}]`)},1]`, 1_000],
  ["depth through errors", causes, 1_000],
  ["BigInt digits", (count) => `[["BigInt","-${"9".repeat(count)}"]]`, 10_000],
  ["holes", (count) => `[[-7,${count + 1},5,-1]]`, 100_000],
  ["length of one RegExp", (count) => `[["RegExp","${"a".repeat(count)}"]]`, 10_000],
  ["property escapes", (count) => `[["RegExp","${"\\\\p{L}".repeat(count)}","u"]]`, 100],
  ["length of one RegExp as it is written", (count) => `[["RegExp","${"/".repeat(count)}"]]`, 5_000],
  ["RegExps together as they are written", (count) => lists(list(count / 4, () => `["RegExp","",""]`)), 50_000],
  [
    "RegExps together",
    (count) => lists(list(count / 1_000, (index) => `["RegExp","${`${index % 10}`.repeat(1_000)}"]`)),
    50_000,
  ],
];

test.each(edges)("%s: the last that is read, and the first that is not", (_name, text, limit) => {
  expect(() => decode(text(limit), [])).not.toThrow();
  expect(isRefused(text(limit < 50_000 ? limit + 1 : limit + 1_000))).toBe(true);
});

const given: readonly (readonly [name: string, limits: Partial<CodecLimits>, within: string, beyond: string])[] = [
  ["references", { nodes: 3 }, "[[1,1],5]", "[[1,1,1],5]"],
  ["entries", { nodes: 3 }, "[[1,2],5,6]", "[[1,2,3],5,6,7]"],
  ["text", { textLength: 6 }, '["ab"]', '["abc"]'],
];

test.each(given)("%s: a limit that was given holds to the last", (_name, limits, within, beyond) => {
  expect(() => decode(within, [], { limits })).not.toThrow();
  expect(isRefused(beyond, [], limits)).toBe(true);
});

test("bytes: all blobs together count", () => {
  const text = '[[1,3],["ArrayBuffer",2],1,["ArrayBuffer",4],2]';
  const limits = { blobBytes: 10 };
  expect(() => decode(text, [new Uint8Array(5), new Uint8Array(5)], { limits })).not.toThrow();
  expect(isRefused(text, [new Uint8Array(5), new Uint8Array(6)], limits)).toBe(true);
});

test("an object with one far index takes no room for the indices below it", () => {
  const count = 20_000;
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const forms = [`{"1023":-1}`, `["null","1023",-1]`];
  for (const form of forms) {
    const text = lists(list(count, () => form));
    collect();
    const before = process.memoryUsage().heapUsed;
    const value = decode(text, []) as object[];
    collect();
    expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(1_000);
    expect(Object.keys(value[0] ?? {})).toEqual(["1023"]);
  }
});

function list(count: number, entry: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => entry(index)).join();
}

/** A table whose root lists these entries. */
function lists(entries: string): string {
  const count = (JSON.parse(`[${entries}]`) as unknown[]).length;
  return `[[${list(count, (index) => String(index + 1))}],${entries}]`;
}

function causes(count: number): string {
  const text = 2 * count;
  const entries = list(count, (index) => {
    const cause = index + 1 < count ? `,"cause":${2 * index + 2}` : "";
    return `["Error",${2 * index + 1}],{"class":${text},"name":${text},"message":${text}${cause}}`;
  });
  return `[${entries},"Error"]`;
}

function isRefused(text: string, blobs: readonly Uint8Array[] = [], limits?: Partial<CodecLimits>): boolean {
  try {
    decode(text, blobs, limits === undefined ? {} : { limits });
    return false;
  } catch (error) {
    if (!UndecodableError.is(error)) throw error;
    return true;
  }
}
