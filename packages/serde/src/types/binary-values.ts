import { getterOf } from "../intrinsics.ts";

/**
 * ArrayBuffers and the views on them. Their bytes do not go into the text but into the binary section, and of a buffer
 * only the range that some view in the value covers, so that ten bytes of a large buffer cost ten bytes. Views on one
 * buffer keep sharing it: the range then covers all of them.
 */

const bufferLength = getterOf(ArrayBuffer.prototype, "byteLength");
const bufferDetached = getterOf(ArrayBuffer.prototype, "detached");
const dataViewLength = getterOf(DataView.prototype, "byteLength");
const typedArrayTag = getterOf(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag);

/** The typed arrays, as named by `Object.prototype.toString`. */
export const typedArrayTags: ReadonlySet<string> = new Set([
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Float16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
]);

/** Throws unless the value has the internal slot that its tag promises. */
export const binaryBrands: Readonly<Record<string, (value: unknown) => unknown>> = {
  ArrayBuffer: bufferLength,
  DataView: dataViewLength,
};

/** True when the value is a typed array of exactly this kind. */
export function isTypedArray(value: object, tag: string): boolean {
  return typedArrayTag(value) === tag;
}

/** What keeps a buffer from being stored, or `undefined` when nothing does. */
export function bufferFault(buffer: object): string | undefined {
  try {
    return bufferDetached(buffer) === true ? "a detached ArrayBuffer" : undefined;
  } catch {
    return "a view on a SharedArrayBuffer";
  }
}

interface ByteRange {
  start: number;
  end: number;
}

/**
 * The bytes of one Node Buffer. Buffers share a pool with unrelated data, so each one gets a buffer of its own and the
 * bytes between two of them are never written.
 */
export class PrivateBytes {
  readonly view: ArrayBufferView;

  constructor(view: ArrayBufferView) {
    this.view = view;
  }
}

/**
 * The ranges of the buffers met during one encoding. A range that has to grow after its offsets were written makes the
 * text wrong; `grown` then asks for another round, which starts with the grown ranges.
 */
export class BufferRanges {
  grown = false;
  readonly #ranges = new Map<ArrayBuffer, ByteRange>();
  #order: (ArrayBuffer | PrivateBytes)[] = [];

  /** Starts a round: forgets the order of the blobs and keeps the ranges. */
  begin(): void {
    this.grown = false;
    this.#order = [];
  }

  has(buffer: unknown): boolean {
    return this.#ranges.has(buffer as ArrayBuffer);
  }

  /** Makes the buffer's range cover these bytes. */
  cover(buffer: ArrayBuffer, start: number, end: number): Readonly<ByteRange> {
    const range = this.#ranges.get(buffer);
    if (range === undefined) {
      const first = { start, end };
      this.#ranges.set(buffer, first);
      return first;
    }
    if (start < range.start || end > range.end) {
      // A range of several views starts at a multiple of 8, so that views of wide elements stay aligned in it.
      range.start = Math.floor(Math.min(start, range.start) / 8) * 8;
      range.end = Math.max(end, range.end);
      this.grown = true;
    }
    return range;
  }

  /** The 1-based number of the blob that will hold these bytes. */
  numberOf(source: ArrayBuffer | PrivateBytes): number {
    return this.#order.push(source);
  }

  /** The bytes of the round, in the order of their numbers: views on the memory of the value itself. */
  blobs(): Uint8Array[] {
    return this.#order.map((source) => {
      if (source instanceof PrivateBytes) {
        return new Uint8Array(source.view.buffer, source.view.byteOffset, source.view.byteLength);
      }
      const range = this.#ranges.get(source);
      return range === undefined
        ? new Uint8Array(source)
        : new Uint8Array(source, range.start, range.end - range.start);
    });
  }
}

/** A buffer of this realm with the blob's bytes: a copy, unless the blob is given away and fills its buffer. */
export function reviveBuffer(blob: Uint8Array, takeBlobs: boolean): ArrayBufferLike {
  if (takeBlobs && blob.byteLength === blob.buffer.byteLength) return blob.buffer;
  return new Uint8Array(blob).buffer;
}
