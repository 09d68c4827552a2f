/** What is fuzzed, as a set of functions, so that a defect can be put in on purpose. */
import { unpackBundle } from "@perdure/core/simulation";
import { decode, decodePrimitive, encode, unpackPayload } from "@perdure/serde";

/** The readers and writers of what is stored. */
export interface Subject {
  readonly decode: typeof decode;
  readonly decodePrimitive: typeof decodePrimitive;
  readonly encode: typeof encode;
  readonly unpackPayload: typeof unpackPayload;
  readonly unpackBundle: typeof unpackBundle;
}

/** The real ones. */
export const realSubject: Subject = { decode, decodePrimitive, encode, unpackPayload, unpackBundle };
