/**
 * The codec alone, for a bare realm: it needs the language and nothing else, no API of Node and no web API. When its
 * modules are evaluated they look once, with `typeof`, for `process` (devalue chooses a base64 routine that is then never
 * used), so evaluate them before putting throwing accessors on the realm's global.
 */

export { type DecodeOptions, decode } from "./decode.ts";
export { type EncodedValue, type EncodeOptions, encode } from "./encode.ts";
export { type CodecLimits, defaultLimits } from "./limits.ts";
export { decodePrimitive, encodePrimitive, type PrimitiveDecoding } from "./primitive.ts";
export type { TextConstructor, TypeRegistry } from "./type-registry.ts";
