import { prototypeCount } from "./intrinsics.ts";
import { binaryBrands, isTypedArray, typedArrayTags } from "./types/binary-values.ts";
import { collectionBrands } from "./types/collection-values.ts";
import { textBrands } from "./types/text-values.ts";

/**
 * What kind of object a value is, by its internal slots: a name that devalue knows, or one of ours (`Error`,
 * `NodeBuffer`), or `undefined` for what cannot be stored. Instances of classes that extend a built-in one cannot be:
 * they would come back as the built-in class.
 */

const toStringTag = Object.prototype.toString;

const boxBrands: Readonly<Record<string, (value: unknown) => unknown>> = {
  Number: (value) => Reflect.apply(Number.prototype.valueOf, value, []),
  String: (value) => Reflect.apply(String.prototype.valueOf, value, []),
  Boolean: (value) => Reflect.apply(Boolean.prototype.valueOf, value, []),
  BigInt: (value) => Reflect.apply(BigInt.prototype.valueOf, value, []),
};

const brands: Readonly<Record<string, (value: unknown) => unknown>> = {
  ...textBrands,
  ...collectionBrands,
  ...binaryBrands,
  ...boxBrands,
};

/** The kind of an object, or `undefined` when it is of no kind that can be stored. A Proxy may make it throw. */
export function kindOf(value: object): string | undefined {
  const tag = toStringTag.call(value).slice(8, -1);
  switch (tag) {
    case "Object":
    case "Error":
      return tag;
    case "Array":
      return Array.isArray(value) && prototypeCount(value) <= 2 ? tag : undefined;
    case "URL":
    case "URLSearchParams":
      return isUrlLike(value) ? tag : undefined;
    case "DOMException":
      return "Error";
    case "Module":
      return "Object";
    default:
      return slottedKind(value, tag);
  }
}

function slottedKind(value: object, tag: string): string | undefined {
  if (typedArrayTags.has(tag)) return typedArrayKind(value, tag);
  const brand = Object.hasOwn(brands, tag) ? brands[tag] : undefined;
  if (brand === undefined) return hasOwnTag(value) ? "Object" : undefined;
  try {
    brand(value);
  } catch {
    return hasOwnTag(value) ? "Object" : undefined;
  }
  return prototypeCount(value) <= 2 ? tag : undefined;
}

function typedArrayKind(value: object, tag: string): string | undefined {
  if (!isTypedArray(value, tag)) return hasOwnTag(value) ? "Object" : undefined;
  const count = prototypeCount(value);
  if (count <= 3) return tag;
  return tag === "Uint8Array" && count === 4 && value.constructor?.name === "Buffer" ? "NodeBuffer" : undefined;
}

// Plain data may carry a `Symbol.toStringTag` of its own; the shape check then judges it like any other object.
function hasOwnTag(value: object): boolean {
  return Object.hasOwn(value, Symbol.toStringTag);
}

function isUrlLike(value: object): boolean {
  return !hasOwnTag(value) && prototypeCount(value) === 2;
}

/** How a plain object is written. */
export type PlainShape = "plain" | "null-proto";

/** The shape of an object that is plain data, in any realm, or `undefined` for an instance of a class. */
export function plainShapeOf(value: object): PlainShape | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return "null-proto";
  if (prototype === Object.prototype) return "plain";
  if (typeof prototype !== "object" || Object.getPrototypeOf(prototype) !== null) return undefined;
  // The Object.prototype of another realm.
  return Object.hasOwn(prototype, "hasOwnProperty") && Object.hasOwn(prototype, "isPrototypeOf") ? "plain" : undefined;
}
