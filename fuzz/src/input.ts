/** The input of one execution, from its seed: what kind it is, and the bytes, the text or the value. */

import { gunzipSync, gzipSync } from "node:zlib";
import { guestAbi, packBundle } from "@perdure/core/simulation";
import { type CodecLimits, encode, encodePrimitive, packPayload } from "@perdure/serde";
import { Chance } from "./chance.ts";
import { makeTable, type Table } from "./hostile-tables.ts";
import { makeLargeText } from "./large-texts.ts";
import { makePrimitive } from "./leaf-values.ts";
import { mutateBytes, mutateText, resealed } from "./mutate-bytes.ts";
import { mutateTable } from "./mutate-tables.ts";
import { makeValue } from "./valid-values.ts";

/** Text and blobs for the codec. */
export interface TextInput {
  readonly kind: "text" | "table" | "hostile" | "guest" | "large";
  readonly text: string;
  readonly blobs: readonly Uint8Array[];
  /** The blobs are given away. */
  readonly takeBlobs: boolean;
}

/** What one execution reads. */
export type Input =
  | TextInput
  /** A value that can be stored. */
  | { readonly kind: "valid"; readonly value: unknown }
  /** A value, and bounds that it may be beyond. */
  | { readonly kind: "limits"; readonly value: unknown; readonly limits: CodecLimits }
  /** A payload that was changed without its checksum. */
  | { readonly kind: "stale"; readonly bytes: Uint8Array; readonly original: Uint8Array }
  /** A payload that was changed together with its checksum. */
  | { readonly kind: "resealed"; readonly bytes: Uint8Array }
  /** A short text for the short way. */
  | { readonly kind: "primitive"; readonly text: string }
  /** A stored bundle that was changed. */
  | { readonly kind: "bundle"; readonly bytes: Uint8Array };

/** The kinds of inputs, with how many of a hundred are of each; `large` is one in two thousand. */
const shares = {
  valid: 14,
  limits: 6,
  stale: 9,
  resealed: 12,
  text: 14,
  table: 20,
  hostile: 12,
  primitive: 5,
  guest: 6,
  bundle: 2,
} as const;

const kinds = Object.entries(shares).flatMap(([kind, share]) =>
  Array.from({ length: share }, () => kind),
) as readonly (keyof typeof shares)[];

const largeOneIn = 2_000;

/** The input of this seed and index. */
export function makeInput(seed: number, index: number): Input {
  const chance = new Chance(seed, index);
  if (chance.oneIn(largeOneIn)) return large(chance);
  const kind = chance.pick(kinds);
  switch (kind) {
    case "valid":
      return { kind, value: makeValue(chance, chance.oneIn(50) ? 200 : 12) };
    case "limits":
      return { kind, value: makeValue(chance), limits: makeLimits(chance) };
    case "stale": {
      const original = payload(chance);
      return { kind, bytes: mutateBytes(original, chance), original };
    }
    case "resealed":
      return { kind, bytes: resealed(mutateBytes(payload(chance), chance)) };
    case "primitive":
      return { kind, text: primitiveText(chance) };
    case "bundle":
      return { kind, bytes: bundle(chance) };
    default:
      return textInput(kind, chance);
  }
}

function textInput(kind: "text" | "table" | "hostile" | "guest", chance: Chance): TextInput {
  const way = kind === "guest" ? chance.pick(["text", "table", "hostile", "valid"] as const) : kind;
  const { text, blobs } = encode(makeValue(chance));
  const copies = blobs.map((blob) => new Uint8Array(blob));
  return {
    kind,
    text: changedText(way, text, chance),
    blobs: way === "hostile" ? hostileBlobs(chance) : copies,
    takeBlobs: chance.oneIn(2),
  };
}

function changedText(way: "text" | "table" | "hostile" | "valid", text: string, chance: Chance): string {
  switch (way) {
    case "text":
      return mutateText(text, chance);
    case "table": {
      const table = tableOf(text);
      mutateTable(table, tableOf(encode(makeValue(chance)).text), chance);
      return JSON.stringify(table);
    }
    case "hostile":
      return JSON.stringify(makeTable(chance));
    case "valid":
      return text;
  }
}

function hostileBlobs(chance: Chance): Uint8Array[] {
  return chance.oneIn(2) ? [] : chance.list(2, () => new Uint8Array(chance.below(32)));
}

function tableOf(text: string): Table {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed : [parsed];
}

function payload(chance: Chance): Uint8Array {
  return packPayload(encode(makeValue(chance)));
}

function large(chance: Chance): TextInput {
  const { text, blobs } = encode(makeValue(chance));
  // A blob belongs to one part alone, and here parts are repeated.
  const base = blobs.length === 0 ? tableOf(text) : makeTable(chance);
  return { kind: "large", text: makeLargeText(chance, base), blobs: [], takeBlobs: false };
}

function primitiveText(chance: Chance): string {
  const text = encodePrimitive(makePrimitive(chance)) ?? "[null]";
  return chance.oneIn(4) ? text : mutateText(text, chance);
}

function makeLimits(chance: Chance): CodecLimits {
  return {
    depth: 1 + chance.below(8),
    nodes: 1 + chance.below(60),
    textLength: chance.magnitude(4, 4_000),
    blobBytes: chance.below(100),
    bigintDigits: 1 + chance.below(40),
    arrayHoles: chance.magnitude(1, 60_000),
    regExpLength: 1 + chance.below(20),
    regExpTotalLength: 1 + chance.below(40),
    regExpProperties: chance.below(3),
  };
}

const bundleSource = "(function (globalThis, self, global, __perdure) { return {}; })";

function bundle(chance: Chance): Uint8Array {
  const map = chance.oneIn(2) ? null : '{"version":3}';
  const { bytes } = packBundle({ abi: guestAbi, guest: "(0)", code: bundleSource, map, workflows: ["main"] });
  if (chance.oneIn(2)) return mutateBytes(bytes, chance);
  const record = mutateText(gunzipSync(bytes.subarray(4)).toString(), chance);
  return Buffer.concat([bytes.subarray(0, 4), gzipSync(record)]);
}
