export { type DecodeOptions, decode } from "./decode.ts";
export { inputDigest } from "./digest.ts";
export { type EncodedValue, type EncodeOptions, encode } from "./encode.ts";
export { type CodecLimits, defaultLimits } from "./limits.ts";
export { dehydrate, hydrate, type PayloadParts, packPayload, unpackPayload } from "./payload.ts";
export { decodePrimitive, encodePrimitive, type PrimitiveDecoding } from "./primitive.ts";
export type { TextConstructor, TypeRegistry } from "./type-registry.ts";
