import { SerializationError } from "@perdure/errors";
import { filterArrayIndices, type StringifyOperations, stringify } from "devalue";
import { describeFound } from "./describe.ts";
import { EncodeWalk } from "./encode-walk.ts";
import { type CodecLimits, resolveLimits } from "./limits.ts";
import { PartTrials } from "./part-trials.ts";
import { encodePrimitive } from "./primitive.ts";
import { plainShapeOf } from "./tag.ts";
import { bufferFault, PrivateBytes } from "./types/binary-values.ts";
import { elementsOfSet, entriesOfMap } from "./types/collection-values.ts";
import { recordError } from "./types/error-values.ts";
import { isBigintWithin, isoTextOf, regExpParts } from "./types/text-values.ts";
import { CollectionStep } from "./value-path.ts";

/**
 * A value to text and blobs. devalue does the walking and writing; this file tells it how to look at each value, refuses
 * what cannot come back, and keeps binary data out of the text. It uses nothing but the language, so that it runs the
 * same on the host and in a bare realm.
 *
 * The text is canonical: two values that are equal in content, insertion order and sharing give the same text, so that a
 * digest of it tells whether an input changed.
 */

/** Options of {@link encode}. */
export interface EncodeOptions {
  /** What the value is, for the message of a refusal: `the result of step charge`. Default: `the value`. */
  readonly what?: string;
  /** Whether the stacks of errors are written. Without them the text depends on the program alone. Default true. */
  readonly stacks?: boolean;
  /**
   * What happens to a cause, a sub-error or an own property of an error that cannot be stored, such as the request that
   * HTTP clients attach: `refuse` the whole value, or `omit` that part, so that an error that was thrown is never lost to
   * what hangs on it. Causes nested deeper than 50 are omitted too. Default `refuse`.
   */
  readonly unstorableErrorParts?: "refuse" | "omit";
  /** Bounds to change; see {@link CodecLimits}. */
  readonly limits?: Partial<CodecLimits>;
}

/** An encoded value. */
export interface EncodedValue {
  /** Well-formed Unicode. */
  readonly text: string;
  /** The bytes that the text refers to, in order: views on the value's own memory, to be copied before it can change. */
  readonly blobs: readonly Uint8Array[];
  /** True when the text holds the stack of an error: encoding the value without stacks then gives another text. */
  readonly hasStack: boolean;
}

const noBlobs: readonly Uint8Array[] = Object.freeze([]);

/**
 * The encoded value. Throws {@link SerializationError}, with the path, for anything that could not be read back as it
 * was: functions, symbols, promises, instances of classes that are not known, getters that throw, values beyond a limit.
 */
export function encode(value: unknown, options: EncodeOptions = {}): EncodedValue {
  if (options.limits === undefined) {
    const text = encodePrimitive(value);
    if (text !== undefined) return { text, blobs: noBlobs, hasStack: false };
  }
  const limits = resolveLimits(options.limits);
  const walk = new EncodeWalk({
    what: options.what ?? "the value",
    limits,
    stacks: options.stacks ?? true,
    trials: options.unstorableErrorParts === "omit" ? new PartTrials() : undefined,
  });
  const text = runRounds(value, walk);
  if (text.length > limits.textLength) {
    throw walk.tooLarge(`${text.length} characters of text (the limit is ${limits.textLength})`);
  }
  const blobs = walk.buffers?.blobs() ?? noBlobs;
  const byteCount = blobs.reduce((sum, blob) => sum + blob.byteLength, 0);
  if (byteCount > limits.blobBytes) {
    throw walk.tooLarge(`${byteCount} bytes of binary data (the limit is ${limits.blobBytes})`);
  }
  return { text, blobs, hasStack: walk.hasStack };
}

// Two views of one buffer may need a second round; a third one means that reading the value changes it.
const maxRounds = 3;

function runRounds(value: unknown, walk: EncodeWalk): string {
  for (let round = 1; round <= maxRounds; round++) {
    walk.begin();
    const text = run(value, walk);
    if (walk.buffers?.grown !== true) return text;
  }
  return walk.refuse("views that change while they are read");
}

// The walk of the encoding that is running. A getter of the value may start another encoding, which puts this one back
// when it is done; so the operations below can be one constant object instead of closures made for every value.
let current: EncodeWalk | undefined;

function run(value: unknown, walk: EncodeWalk): string {
  const outer = current;
  current = walk;
  try {
    return stringify(value, reducers, { operations });
  } catch (error) {
    if (SerializationError.is(error)) throw error;
    return walk.refuse(throwingRead, error);
  } finally {
    current = outer;
  }
}

const throwingRead = "a getter or a Proxy that throws";

function walking(): EncodeWalk {
  // The operations are called by devalue alone, and only inside `run`.
  return current as EncodeWalk;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const reducers = {
  Error(value: unknown): object | undefined {
    const walk: EncodeWalk = walking();
    if (!isObject(value) || value === walk.privateBytes || walk.kindOf(value) !== "Error") return undefined;
    return errorRecord(value, walk);
  },

  // Gives the number of a blob, counted from 1: devalue takes a reducer that gives 0 for one that does not apply.
  ArrayBuffer(value: unknown): number | undefined {
    if (!isObject(value)) return undefined;
    const walk: EncodeWalk = walking();
    if (walk.privateBytes === value) {
      walk.announceStandIn();
      return walk.ranges().numberOf(walk.privateBytes);
    }
    if (walk.kindOf(value) !== "ArrayBuffer") return undefined;
    const buffer = value as ArrayBuffer;
    const fault = bufferFault(buffer);
    if (fault !== undefined) walk.refuse(fault);
    const ranges = walk.ranges();
    if (!ranges.has(buffer)) ranges.cover(buffer, 0, buffer.byteLength);
    walk.announceStandIn();
    return ranges.numberOf(buffer);
  },
};

function errorRecord(error: object, walk: EncodeWalk): object {
  const record = recordError(error, (key) => readProperty(error, key, walk), walk.plan.stacks);
  if (record.stack !== undefined) walk.hasStack = true;
  if (walk.plan.trials !== undefined) walk.plan.trials.omitUnstorable(record, (part) => isStorable(part, walk));
  if (record.own !== undefined) walk.hide(record);
  walk.announceStandIn();
  return record;
}

function readProperty(target: object, key: string, walk: EncodeWalk): unknown {
  try {
    return (target as { readonly [key: string]: unknown })[key];
  } catch (error) {
    // A symbol cannot be stored either, so it makes the part be omitted.
    return walk.plan.trials === undefined ? walk.refuse(throwingRead, error, key) : Symbol("unreadable");
  }
}

function isStorable(part: unknown, walk: EncodeWalk): boolean {
  try {
    runRounds(part, new EncodeWalk(walk.plan));
    return true;
  } catch (error) {
    if (SerializationError.is(error)) return false;
    throw error;
  }
}

type Primitive = string | number | bigint | boolean | null | undefined;

const operations: Partial<StringifyOperations> = {
  typeOf(value: unknown) {
    const walk: EncodeWalk = walking();
    walk.visit();
    if (value === null) return "null";
    const type = typeof value;
    if (type === "function" || type === "symbol") walk.refuse(describeFound(value));
    if (type === "bigint" && !isBigintWithin(value as bigint, walk.plan.limits.bigintDigits)) {
      walk.refuse(`a BigInt of more than ${walk.plan.limits.bigintDigits} digits`);
    }
    return type;
  },

  identify(value: unknown) {
    const walk: EncodeWalk = walking();
    const ranges = walk.buffers;
    if (ranges === undefined) return value;
    if (!walk.fromView && ranges.has(value)) {
      const buffer = value as ArrayBuffer;
      ranges.cover(buffer, 0, buffer.byteLength);
    }
    walk.fromView = false;
    return value;
  },

  toPrimitive(value: Primitive) {
    if (typeof value === "string") walking().writeString(value.length);
    return value;
  },

  // A promise is refused by its kind, a thenable because its `then` is a function.
  isThenable: () => false,

  tagOf(value: object) {
    const walk: EncodeWalk = walking();
    const kind = walk.kindOf(value);
    if (kind === "Object" || kind === "Array" || kind === "Map" || kind === "Set") walk.openContainer(value);
    return kind === "NodeBuffer" ? "Uint8Array" : kind;
  },

  unbox(box: { valueOf(): unknown }) {
    walking().announceStandIn();
    return box.valueOf();
  },

  toISOString: isoTextOf,

  regExpInfo(regExp: RegExp) {
    const parts = regExpParts(regExp);
    walking().writeRegExp(parts.source, parts.flags);
    return parts;
  },

  *valuesOf(set: object) {
    const walk: EncodeWalk = walking();
    let index = 0;
    for (const element of elementsOfSet(set)) {
      walk.announce(set, new CollectionStep("element", index, undefined));
      index++;
      yield element;
    }
  },

  *entriesOf(map: object) {
    const walk: EncodeWalk = walking();
    let index = 0;
    for (const entry of entriesOfMap(map)) {
      walk.announceEntry(map, index, entry[0]);
      index++;
      yield entry;
    }
  },

  viewInfo,

  indicesOf(array: readonly unknown[]) {
    const indices = filterArrayIndices(Object.keys(array));
    const holes = array.length - indices.length;
    const limit = walking().plan.limits.arrayHoles;
    if (holes > limit) walking().refuse(`a sparse array with ${holes} holes (the limit is ${limit})`);
    return indices;
  },

  shapeOf(value: object) {
    const walk: EncodeWalk = walking();
    const shape = plainShapeOf(value);
    if (shape === undefined) walk.refuse(describeFound(value));
    if (Object.hasOwn(value, "__proto__")) walk.refuse("a property named __proto__");
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      if (Object.prototype.propertyIsEnumerable.call(value, symbol)) walk.refuse("a property named by a symbol");
    }
    return { kind: shape, keys: Object.keys(value) };
  },

  get(container: object, key: string | number) {
    walking().announce(container, key);
    return (container as { readonly [key: PropertyKey]: unknown })[key];
  },
};

function viewInfo(view: ArrayBufferView & { readonly length?: number }) {
  const walk: EncodeWalk = walking();
  const isNodeBuffer = walk.kindOf(view) === "NodeBuffer";
  const { buffer, byteOffset, byteLength } = view;
  const fault = bufferFault(buffer);
  if (fault !== undefined) walk.refuse(fault);
  const ranges = walk.ranges();
  walk.fromView = true;
  walk.announceStandIn();
  const length = view.length ?? byteLength;
  if (isNodeBuffer) {
    walk.privateBytes = new PrivateBytes(view);
    return { buffer: walk.privateBytes, byteOffset: 0, byteLength, length, bufferByteLength: byteLength };
  }
  // The check above leaves plain ArrayBuffers only.
  const range = ranges.cover(buffer as ArrayBuffer, byteOffset, byteOffset + byteLength);
  return {
    buffer,
    byteOffset: byteOffset - range.start,
    byteLength,
    length,
    bufferByteLength: range.end - range.start,
  };
}
