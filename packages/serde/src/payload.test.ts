import { crc32 } from "node:zlib";
import { UndecodableError } from "@perdure/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dehydrate, hydrate, packPayload, unpackPayload } from "./payload.ts";

const sample = packPayload({ text: '[{"a":1},"é"]', blobs: [new Uint8Array([1, 2, 3]), new Uint8Array(0)] });

function refusalOf(bytes: Uint8Array): string {
  try {
    unpackPayload(bytes);
  } catch (error) {
    expect(UndecodableError.is(error), String(error)).toBe(true);
    return (error as UndecodableError).message;
  }
  return expect.unreachable("it was read");
}

function withByte(index: number, byte: number): Uint8Array {
  const bytes = Uint8Array.from(sample);
  bytes[index] = byte;
  return bytes;
}

/** The same bytes as a writer with a defect would leave them: with a checksum that fits. */
function sealed(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(crc32(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}

describe("payload bytes", () => {
  test("have the layout that is written down", () => {
    const bytes = packPayload({ text: "[5]", blobs: [new Uint8Array([7])] });
    const content = [0xbd, 1, 0, 0, 0, 0, 0, 3, 0x5b, 0x35, 0x5d, 0, 0, 0, 1, 0, 0, 0, 1, 7];
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(Uint8Array.from(content)));
    expect([...bytes]).toEqual([...content, ...checksum]);
  });

  test("give back text and blobs", () => {
    const wellFormed = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(wellFormed, fc.array(fc.uint8Array()), (text, blobs) => {
        const parts = unpackPayload(packPayload({ text, blobs }));
        expect(parts.text).toBe(text);
        expect(parts.blobs.map((blob) => [...blob])).toEqual(blobs.map((blob) => [...blob]));
      }),
    );
  });

  test("can be read from the middle of a larger buffer", () => {
    const around = new Uint8Array(sample.length + 20).fill(0xff);
    around.set(sample, 7);
    expect(unpackPayload(around.subarray(7, 7 + sample.length)).blobs[0]).toEqual(new Uint8Array([1, 2, 3]));
  });

  test("hold a copy of the blobs", () => {
    const blob = new Uint8Array([1]);
    const bytes = packPayload({ text: "[1]", blobs: [blob] });
    blob[0] = 2;
    expect([...(unpackPayload(bytes).blobs[0] ?? [])]).toEqual([1]);
  });

  test("of a value with lone surrogates and U+FFFD survive UTF-8", () => {
    const value = { "\udc00": "\ud800\ufffd", ok: "\ufeff" };
    expect(hydrate(dehydrate(value, "a value"))).toEqual(value);
  });
});

describe("payloads that cannot be read", () => {
  test("every cut and every extra byte is noticed", () => {
    for (let length = 0; length < sample.length; length++)
      expect(refusalOf(sample.subarray(0, length))).toContain("cut off");
    expect(refusalOf(Uint8Array.from([...sample, 0]))).toContain("does not fit its checksum");
    expect(refusalOf(sealed(Uint8Array.from([...sample, 0])))).toContain("goes on after its end");
  });

  test("the header says what was found and what is supported", () => {
    expect(refusalOf(withByte(0, 0x7b))).toMatch(/0x7b, not 0xbd/);
    expect(refusalOf(withByte(1, 9))).toMatch(/version 9; this process reads 1/);
    expect(refusalOf(withByte(2, 77))).toMatch(/algorithm 77/);
    expect(refusalOf(withByte(3, 2))).toMatch(/names a key/);
    expect(refusalOf(withByte(2, 1))).toMatch(/gzip/);
    expect(refusalOf(withByte(2, 2))).toMatch(/zstd/);
    expect(refusalOf(Uint8Array.from([0xbd, 1, 3, 2, 0x6b, 0x31, 0, 0]))).toMatch(/aes-256-gcm with key "k1"/);
  });

  test("lengths that are larger than the payload allocate nothing", () => {
    expect(refusalOf(sealed(withByte(4, 0xff)))).toContain("cut off in its text");
    const blobCountAt = 8 + Buffer.byteLength('[{"a":1},"é"]');
    expect(refusalOf(sealed(withByte(blobCountAt, 0xff)))).toContain("cut off in its blob 3 of");
  });

  test("text that is not UTF-8", () => {
    expect(refusalOf(sealed(withByte(9, 0xff)))).toContain("not UTF-8");
  });

  test("any changed bit is noticed, and nothing but an UndecodableError is thrown", () => {
    const payload = dehydrate({ a: [1, new Map([["k", new Uint8Array(3)]])], e: new Error("x") }, "a value");
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const bytes = Uint8Array.from(payload);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      refusalOf(bytes);
    }
  });

  test("damage under a checksum that fits gives a value or an UndecodableError", () => {
    const payload = dehydrate({ a: [1, new Map([["k", new Uint8Array(3)]])], e: new Error("x") }, "a value");
    fc.assert(
      fc.property(fc.nat(payload.length - 5), fc.nat(255), (at, byte) => {
        const bytes = Uint8Array.from(payload);
        bytes[at] = byte;
        try {
          hydrate(sealed(bytes));
        } catch (error) {
          if (!UndecodableError.is(error)) throw error;
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
