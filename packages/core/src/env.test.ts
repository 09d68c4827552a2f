import { expect, test } from "vitest";
import { systemEnv } from "./env.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("random bytes are as many as asked for, and never the same twice", () => {
  const drawn = Array.from({ length: 2_000 }, () => systemEnv.randomBytes(16));
  expect(drawn.every((bytes) => bytes.length === 16)).toBe(true);
  expect(new Set(drawn.map(hex)).size).toBe(drawn.length);
});

test.each([0, 1, 4_095, 4_096, 4_097, 10_000])("%d random bytes", (size) => {
  expect(systemEnv.randomBytes(size)).toHaveLength(size);
});

test("bytes that were given out are the caller's alone", () => {
  const first = systemEnv.randomBytes(32);
  const copy = hex(first);
  const second = systemEnv.randomBytes(32);
  second.fill(0);
  expect(hex(first)).toBe(copy);
  first.fill(0);
  expect(hex(systemEnv.randomBytes(32))).not.toBe("00".repeat(32));
});

test("every bit of a byte is drawn", () => {
  const seen = systemEnv.randomBytes(3_000).reduce((bits, byte) => bits | byte, 0);
  const always = systemEnv.randomBytes(3_000).reduce((bits, byte) => bits & byte, 255);
  expect({ seen, always }).toEqual({ seen: 255, always: 0 });
});
