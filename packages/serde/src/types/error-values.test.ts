import * as errors from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { decode } from "../decode.ts";
import { encode } from "../encode.ts";
import { classesByCode } from "./error-values.ts";

type PerdureClass = typeof errors.PerdureError;

// Nothing is an instance of the first two alone; the others are thrown by setup and tools, before anything is recorded, or told
// to workers, and park the run.
const unknownHere: ReadonlySet<string> = new Set([
  "PerdureError",
  "BundleUntrustedError",
  "ContextViolationError",
  "CompileError",
  "ConfigError",
  "StrayRejectionWarning",
  "UnsupportedNodeError",
  "UsageError",
  "WorkerSetupError",
  "WorkerStuckWarning",
]);

const exported = Object.entries(errors as { readonly [name: string]: unknown }).filter(
  ([, value]) => typeof value === "function" && value.prototype instanceof errors.PerdureError,
) as [name: string, type: PerdureClass][];

describe("the classes of @perdure/errors", () => {
  test("are known here, or are on the list of those that need not be", () => {
    const known = new Set<unknown>(Object.values(classesByCode));
    const missing = exported.filter(([, type]) => !known.has(type)).map(([name]) => name);
    expect(missing.filter((name) => !unknownHere.has(name))).toEqual([]);
  });

  for (const [code, type] of Object.entries(classesByCode)) {
    test(code, () => {
      const original: object = Reflect.construct(Error, ["text"], type);
      errors.brand(original, code);
      expect((type as unknown as PerdureClass).is(original)).toBe(true);
      const { text, blobs } = encode(original);
      const back = decode(text, blobs);
      expect(back).toBeInstanceOf(type);
      expect((type as unknown as PerdureClass).is(back)).toBe(true);
    });
  }
});
