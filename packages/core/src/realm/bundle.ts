/**
 * A bundle as the world stores it: the workflow-side code of one module, together with the guest that it was built for.
 *
 * The id is a digest of what decides how the code runs (ABI, guest, code); the source map and the list of workflows are
 * left out, so that moving a checkout does not change it.
 */
import { hash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { UndecodableError } from "@perdure/errors";
import { crockford } from "../run/crockford.ts";
import { guestAbi } from "./guest-source.ts";

/** What a run needs to be replayed for ever. */
export interface StoredBundle {
  /** Version of the agreement between the guest and the host. */
  readonly abi: 1;
  /** The guest's source: one expression. */
  readonly guest: string;
  /** The workflow module's source: one expression, a function of `globalThis, self, global, __perdure`. */
  readonly code: string;
  /** Source map of `code` as JSON text, when there is one. */
  readonly map: string | null;
  /** Ids of the workflows in it. */
  readonly workflows: readonly string[];
}

/** A bundle with the id that its content gives it. */
export interface HeldBundle extends StoredBundle {
  readonly id: string;
}

/** First bytes of a stored bundle; the number after them is the version of the container. */
const magic = Buffer.from("PDB1");
/** A bundle that unpacks to more than this is refused, in bytes. */
const unpackedMax = 64 * 1024 * 1024;

/** The id of a bundle: `bndl_` and 26 characters of the SHA-256 of what decides how it runs. */
export function bundleId(bundle: Pick<StoredBundle, "abi" | "guest" | "code">): string {
  const digest = hash("sha256", JSON.stringify([bundle.abi, bundle.guest, bundle.code]), "buffer");
  return `bndl_${crockford(digest)}`;
}

/** The bundle's id, and its bytes for the store. */
export function packBundle(bundle: StoredBundle): { readonly id: string; readonly bytes: Uint8Array } {
  const { abi, guest, code, map, workflows } = bundle;
  const body = gzipSync(JSON.stringify({ abi, guest, code, map, workflows }));
  return { id: bundleId(bundle), bytes: Buffer.concat([magic, body]) };
}

/** The bundle of these bytes. Throws `UndecodableError` for other bytes and for an ABI that this version does not speak. */
export function unpackBundle(bytes: Uint8Array): HeldBundle {
  const record = parseRecord(bytes);
  const { abi, guest, code, map, workflows } = record;
  if (abi !== guestAbi) {
    throw new UndecodableError(`A bundle needs guest ABI ${String(abi)}, and this version speaks ${guestAbi}.`, {
      hint: "A newer version of Perdure wrote it: upgrade this process.",
    });
  }
  const isWhole =
    typeof guest === "string" &&
    typeof code === "string" &&
    (map === null || typeof map === "string") &&
    Array.isArray(workflows) &&
    workflows.every((id) => typeof id === "string");
  if (!isWhole) throw damaged("a field is missing or of the wrong type");
  const bundle: StoredBundle = { abi, guest, code, map, workflows: workflows as string[] };
  return { id: bundleId(bundle), ...bundle };
}

type BundleRecord = { readonly [K in keyof StoredBundle]?: unknown };

function parseRecord(bytes: Uint8Array): BundleRecord {
  if (!magic.equals(bytes.subarray(0, magic.length))) throw damaged("they do not start as a bundle does");
  let parsed: unknown;
  try {
    const body = gunzipSync(bytes.subarray(magic.length), { maxOutputLength: unpackedMax });
    parsed = JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw damaged("they do not unpack", error);
  }
  if (typeof parsed !== "object" || parsed === null) throw damaged("they hold no record");
  return parsed;
}

function damaged(what: string, cause?: unknown): UndecodableError {
  return new UndecodableError(`The bytes of a bundle cannot be read: ${what}.`, {
    cause,
    hint: "The store is damaged, or the bytes were not written by Perdure.",
  });
}
