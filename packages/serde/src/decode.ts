import { UndecodableError } from "@perdure/errors";
import { unflatten } from "devalue";
import { checkTable, type TableFacts } from "./flat-table.ts";
import { outlineFault } from "./json-outline.ts";
import { type CodecLimits, resolveLimits } from "./limits.ts";
import { decodePrimitive } from "./primitive.ts";
import type { TypeRegistry } from "./type-registry.ts";
import { reviveBuffer } from "./types/binary-values.ts";
import { type ErrorRecord, ErrorReviver } from "./types/error-values.ts";
import { defineSparsely } from "./types/index-names.ts";
import { reviveTextValue } from "./types/text-values.ts";

/**
 * Text and blobs back to a value, with the constructors of the realm that this runs in. Nothing is built before the
 * whole text has been checked (`flat-table.ts`), whoever wrote it. No error of this file quotes the text or has the
 * cause that would: it may be secret.
 */

/** Options of {@link decode}. */
export interface DecodeOptions {
  /** Constructors to use where the realm has none of its own. */
  readonly types?: TypeRegistry;
  /** Bounds to change; see {@link CodecLimits}. */
  readonly limits?: Partial<CodecLimits>;
  /**
   * The blobs are given away: a blob that fills its buffer becomes part of the value instead of being copied. Only for
   * blobs of this realm that nobody else holds. Default false.
   */
  readonly takeBlobs?: boolean;
}

/**
 * The value that was encoded. Throws {@link UndecodableError} for anything that `encode` does not write: damaged or
 * hostile text, types that this version does not know, values beyond a limit.
 */
export function decode(text: string, blobs: readonly Uint8Array[], options: DecodeOptions = {}): unknown {
  if (options.limits === undefined && blobs.length === 0) {
    const primitive = decodePrimitive(text);
    if (primitive.hit) return primitive.value;
  }
  const limits = resolveLimits(options.limits);
  checkSize(text, blobs, limits);
  const table = parseTable(text);
  if (typeof table === "number") return decodeSpecial(table, blobs);
  const facts = checkTable(table, blobs.length, limits);
  return build(table as unknown[], blobs, facts, options);
}

function checkSize(text: string, blobs: readonly Uint8Array[], limits: CodecLimits): void {
  if (text.length > limits.textLength) {
    throw tooLarge(`${text.length} characters of text (the limit is ${limits.textLength})`);
  }
  let byteCount = 0;
  for (const blob of blobs) byteCount += blob.byteLength;
  if (byteCount > limits.blobBytes) {
    throw tooLarge(`${byteCount} bytes of binary data (the limit is ${limits.blobBytes})`);
  }
  const fault = outlineFault(text, limits);
  if (fault !== undefined) throw tooLarge(fault);
}

function tooLarge(found: string): UndecodableError {
  return new UndecodableError(`The recorded value is too large to be read: ${found}.`);
}

function parseTable(text: string): readonly unknown[] | number {
  const parsed = parseJson(text);
  if (parsed === undefined) {
    throw new UndecodableError(`The recorded value cannot be read: its ${text.length} characters are not JSON.`, {
      hint: "The bytes are damaged, or were not written by Perdure.",
    });
  }
  if (typeof parsed === "number" || (Array.isArray(parsed) && parsed.length > 0)) return parsed;
  throw new UndecodableError("The recorded value cannot be read: it has no table of parts.");
}

// `undefined`, which no JSON text gives, for a text that is not JSON: the parser's own error quotes the text.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodeSpecial(code: number, blobs: readonly Uint8Array[]): unknown {
  if (blobs.length > 0) throw new UndecodableError("The recorded value cannot be read: a blob belongs to nothing.");
  switch (code) {
    case -1:
      return undefined;
    case -3:
      return Number.NaN;
    case -4:
      return Number.POSITIVE_INFINITY;
    case -5:
      return Number.NEGATIVE_INFINITY;
    case -6:
      return -0;
    default:
      throw new UndecodableError("The recorded value cannot be read: it is a number that stands for nothing.");
  }
}

function build(table: unknown[], blobs: readonly Uint8Array[], facts: TableFacts, options: DecodeOptions): unknown {
  const revivers = facts.needsRevivers ? reviversFor(blobs, options) : undefined;
  try {
    return unflatten(table, revivers, facts.needsDefine ? definingOptions : undefined);
  } catch (error) {
    if (UndecodableError.is(error)) throw error;
    // What is left are the bounds of views and typed arrays that this realm lacks; their errors quote nothing.
    throw new UndecodableError("The recorded value cannot be rebuilt here: a constructor refused it.", {
      cause: error,
      hint: "The bytes are damaged, or come from a version of Node with types that this one lacks.",
    });
  }
}

function reviversFor(
  blobs: readonly Uint8Array[],
  options: DecodeOptions,
): Record<string, (value: unknown) => unknown> {
  const errors = new ErrorReviver();
  const types = options.types ?? {};
  return {
    Error: (record) => errors.revive(record as ErrorRecord),
    ArrayBuffer: (blobNumber) => {
      const blob = blobs[(blobNumber as number) - 1];
      if (blob === undefined) throw new UndecodableError("The recorded value cannot be read: a blob is missing.");
      return reviveBuffer(blob, options.takeBlobs ?? false);
    },
    URL: (text) => reviveTextValue("URL", text as string, types),
    URLSearchParams: (text) => reviveTextValue("URLSearchParams", text as string, types),
  };
}

// Assigning to a property that a prototype has runs its setter, or fails when the prototype is frozen.
const definingOptions = Object.freeze({ operations: Object.freeze({ set: defineSparsely }) });
