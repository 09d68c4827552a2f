/** Bounds on a stored value. They hold when it is written and again when it is read, so that what is stored can be read. */
export interface CodecLimits {
  /** Containers inside containers. Default 1,000. */
  readonly depth: number;
  /** References from one part of the value to another, the root included. Default 1,000,000. */
  readonly nodes: number;
  /** Length of the encoded text in UTF-16 code units. Default 32 Mi. */
  readonly textLength: number;
  /** Bytes of all binary parts together. Default 32 MiB. */
  readonly blobBytes: number;
  /** Decimal digits of one BigInt: parsing one takes quadratic time. Default 10,000. */
  readonly bigintDigits: number;
  /** Holes of one sparse array. Default 100,000. */
  readonly arrayHoles: number;
  /** Length of one regular expression's source in UTF-16 code units. Default 10,000. */
  readonly regExpLength: number;
  /** Length of the sources of all regular expressions together: some take 4 us a character to compile. Default 50,000. */
  readonly regExpTotalLength: number;
  /** Property escapes such as `\p{L}` in all regular expressions: one takes up to 2 ms to compile. Default 100. */
  readonly regExpProperties: number;
}

/** The limits that apply where none are given. */
export const defaultLimits: CodecLimits = Object.freeze({
  depth: 1_000,
  nodes: 1_000_000,
  textLength: 32 * 1024 * 1024,
  blobBytes: 32 * 1024 * 1024,
  bigintDigits: 10_000,
  arrayHoles: 100_000,
  regExpLength: 10_000,
  regExpTotalLength: 50_000,
  regExpProperties: 100,
});

/** The given limits, with the defaults for those that are not given. */
export function resolveLimits(limits: Partial<CodecLimits> | undefined): CodecLimits {
  return limits === undefined ? defaultLimits : { ...defaultLimits, ...limits };
}
