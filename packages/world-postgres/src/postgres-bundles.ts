/**
 * The `bundles` table: compiled workflow code by the hash of its content, signed where there is a secret.
 *
 * A bundle that was collected keeps its row without its bytes. Whatever this process has put it can put again, since the
 * engine asks for that only once: see `bundle-collection.ts`.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { BundleUntrustedError, StoreError } from "@perdure/errors";
import type { Queries } from "./database.ts";
import type { StoreSettings } from "./store.ts";
import { toStoredText } from "./stored-text.ts";

interface BundleRow {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array | null;
}

export class PostgresBundles {
  readonly #queries: Queries;
  readonly #settings: StoreSettings;
  readonly #put: string;
  readonly #get: string;
  /** What this process has put, by id. */
  readonly #own = new Map<string, Uint8Array>();

  constructor(queries: Queries, settings: StoreSettings) {
    const { schema } = settings;
    this.#queries = queries;
    this.#settings = settings;
    // A process without a secret leaves a signature alone.
    this.#put = `INSERT INTO ${schema}.bundles AS b (namespace, id, bytes, signature, created_at)
VALUES ($1, $2, $3, $4, ${schema}.store_now()) ON CONFLICT (namespace, id) DO UPDATE
SET bytes = excluded.bytes, signature = excluded.signature, created_at = excluded.created_at, doomed = false
WHERE b.doomed OR (excluded.signature IS NOT NULL AND b.signature IS DISTINCT FROM excluded.signature)`;
    this.#get = `SELECT bytes, signature FROM ${schema}.bundles WHERE namespace = $1 AND id = $2 AND bytes IS NOT NULL`;
  }

  async put(id: string, bytes: Uint8Array): Promise<void> {
    this.#own.set(id, bytes);
    const [secret] = this.#settings.secrets;
    const signature = secret === undefined ? null : signatureOf(secret, id, bytes);
    await this.#queries.write(this.#put, [...this.#key(id), Buffer.from(bytes), signature]);
  }

  /** A run was to be created for a bundle that is being collected, or was: it is needed again. */
  async putAgain(id: string): Promise<void> {
    const bytes = this.#own.get(id);
    if (bytes !== undefined) return this.put(id, bytes);
    throw new StoreError("STORE_UNSUPPORTED", `The bundle ${id} was deleted, because no run needed it any more.`, {
      hint: "Put it again before a run is created for it.",
    });
  }

  /** Throws `BundleUntrustedError` where there is a secret and none of them has signed these bytes. */
  async get(id: string): Promise<Uint8Array | null> {
    const [row] = await this.#queries.read<BundleRow>(this.#get, this.#key(id));
    if (row === undefined) return null;
    const { secrets } = this.#settings;
    const { bytes, signature } = row;
    const isTrusted = secrets.length === 0 || secrets.some((secret) => isSignedBy(secret, id, bytes, signature));
    if (!isTrusted) throw new BundleUntrustedError(id, signature === null ? "unsigned" : "wrongly signed");
    return bytes;
  }

  #key(id: string): readonly [namespace: string, id: string] {
    return [toStoredText(this.#settings.namespace), toStoredText(id)];
  }
}

/** Of id and bytes, so that the signature of one bundle is none of another one. */
function signatureOf(secret: string, id: string, bytes: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(`perdure bundle\0${id}\0`).update(bytes).digest();
}

function isSignedBy(secret: string, id: string, bytes: Uint8Array, signature: Uint8Array | null): boolean {
  const expected = signatureOf(secret, id, bytes);
  return signature?.length === expected.length && timingSafeEqual(signature, expected);
}
