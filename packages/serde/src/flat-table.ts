import { UndecodableError } from "@perdure/errors";
import type { CodecLimits } from "./limits.ts";
import { typedArrayTags } from "./types/binary-values.ts";
import { recordedKeys } from "./types/error-values.ts";
import { isFarIndex } from "./types/index-names.ts";
import { bigintFault, dateFault, RegExpBudget, regExpFault } from "./types/text-values.ts";

/**
 * Checks a parsed text before anything is built from it. devalue's text is a flat table: entry 0 is the root, and an
 * entry refers to others by index, or by a negative number to a value that JSON lacks. The check follows the references
 * in the order in which devalue will, without recursion, so that nothing that passes can overflow the stack, grow beyond
 * the limits or refer to what is not there.
 *
 * T1. Every reference is a known negative number or the index of an entry; every entry is referred to.
 * T2. Every tag is known, and what follows it has the form that encoding gives it.
 * T3. Nesting, references, BigInt digits, holes and RegExps are within the limits.
 * T4. Every blob belongs to exactly one ArrayBuffer, every record and its properties to exactly one Error.
 */

/** What decoding has to know about a checked table. */
export interface TableFacts {
  /** Some entry needs a reviver: an error, binary data, a URL. */
  readonly needsRevivers: boolean;
  /** Some property has a name that assigning to may not create, because `Object.prototype` has it, or that is a far index. */
  readonly needsDefine: boolean;
}

/** Throws {@link UndecodableError} unless the table can be decoded. */
export function checkTable(table: readonly unknown[], blobCount: number, limits: CodecLimits): TableFacts {
  const check = new TableCheck(table, blobCount, limits);
  check.run();
  return check;
}

const hole = -2;
const sparse = -7;
// undefined, NaN, Infinity, -Infinity and -0; -2 and -7 have a meaning only inside an array.
const specials: ReadonlySet<number> = new Set([-1, -3, -4, -5, -6]);
const recordTexts: ReadonlySet<string> = new Set(["class", "name", "message", "stack", "code"]);
const boxableSpecials: ReadonlySet<number> = new Set([-3, -4, -5, -6]);

/** The references of an open container that are still to be followed. */
interface Frame {
  readonly refs: readonly unknown[];
  readonly step: number;
  readonly mayHaveHoles: boolean;
  next: number;
}

class TableCheck implements TableFacts {
  needsRevivers = false;
  needsDefine = false;
  readonly #table: readonly unknown[];
  readonly #limits: CodecLimits;
  readonly #seen: Uint8Array;
  readonly #blobSeen: Uint8Array;
  readonly #regExps: RegExpBudget;
  readonly #errorParts = new Set<unknown>();
  readonly #frames: Frame[] = [];
  #seenCount = 0;
  #blobsLeft: number;
  #nodeCount = 0;

  constructor(table: readonly unknown[], blobCount: number, limits: CodecLimits) {
    if (table.length > limits.nodes) throw beyond(`more than ${limits.nodes} parts`);
    this.#table = table;
    this.#limits = limits;
    this.#seen = new Uint8Array(table.length);
    this.#blobSeen = new Uint8Array(blobCount);
    this.#blobsLeft = blobCount;
    this.#regExps = new RegExpBudget(limits);
  }

  run(): void {
    this.#follow(0);
    const frames = this.#frames;
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      if (frame.next >= frame.refs.length) {
        frames.pop();
        continue;
      }
      const ref = frame.refs[frame.next];
      frame.next += frame.step;
      if (ref !== hole || !frame.mayHaveHoles) this.#follow(ref);
    }
    if (this.#seenCount !== this.#table.length) throw malformed("an entry that nothing refers to");
    if (this.#blobsLeft > 0) throw malformed("a blob that nothing refers to");
  }

  #follow(ref: unknown): void {
    this.#nodeCount++;
    if (this.#nodeCount > this.#limits.nodes) throw beyond(`more than ${this.#limits.nodes} parts`);
    if (typeof ref !== "number") throw malformed("a reference that is not a number");
    if (specials.has(ref)) return;
    const entry = this.#entryAt(ref);
    if (this.#seen[ref] === 1) return;
    this.#markSeen(ref);
    if (typeof entry !== "object" || entry === null) return;
    if (!Array.isArray(entry)) this.#checkObject(entry);
    else if (typeof entry[0] === "string") this.#checkTagged(entry[0], entry);
    else if (entry[0] === sparse) this.#checkSparse(entry);
    else this.#push(entry, 0, 1, true);
  }

  #entryAt(ref: unknown): unknown {
    if (typeof ref !== "number" || !Number.isInteger(ref) || ref < 0 || ref >= this.#table.length) {
      throw malformed("a reference to an entry that does not exist");
    }
    return this.#table[ref];
  }

  #markSeen(ref: number): void {
    this.#seen[ref] = 1;
    this.#seenCount++;
  }

  #push(refs: readonly unknown[], start: number, step: number, mayHaveHoles: boolean): void {
    if (this.#frames.length >= this.#limits.depth) throw beyond(`nested deeper than ${this.#limits.depth} levels`);
    this.#frames.push({ refs, step, mayHaveHoles, next: start });
  }

  #checkObject(entry: object): void {
    for (const key of Object.keys(entry)) this.#checkKey(key);
    this.#push(Object.values(entry), 0, 1, false);
  }

  #checkKey(key: unknown): void {
    if (typeof key !== "string") throw malformed("a property without a name");
    if (key === "__proto__") throw malformed("a property named __proto__");
    if (key in Object.prototype || isFarIndex(key)) this.needsDefine = true;
  }

  #checkSparse(entry: readonly unknown[]): void {
    const length = entry[1];
    const present = (entry.length - 2) / 2;
    if (typeof length !== "number" || !Number.isInteger(length) || length < 0 || !Number.isInteger(present)) {
      throw malformed("a sparse array without a length");
    }
    if (length > present + this.#limits.arrayHoles) {
      throw beyond(`a sparse array with more than ${this.#limits.arrayHoles} holes`);
    }
    for (let at = 2; at < entry.length; at += 2) {
      const index = entry[at];
      if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= length) {
        throw malformed("a sparse array with an element outside of it");
      }
    }
    this.#push(entry, 3, 2, false);
  }

  #checkTagged(tag: string, entry: readonly unknown[]): void {
    switch (tag) {
      case "Set":
        this.#push(entry, 1, 1, false);
        break;
      case "Map":
        if (entry.length % 2 === 0) throw malformed("a Map with a key that has no value");
        this.#push(entry, 1, 1, false);
        break;
      case "null":
        this.#checkNullPrototype(entry);
        break;
      case "Error":
        this.#checkError(entry);
        break;
      case "ArrayBuffer":
        this.#checkBuffer(entry);
        break;
      case "Object":
        this.#checkBox(entry);
        break;
      default:
        if (tag === "DataView" || typedArrayTags.has(tag)) this.#checkView(entry);
        else this.#checkLeaf(tag, entry);
    }
  }

  #checkLeaf(tag: string, entry: readonly unknown[]): void {
    const fault = leafFault(tag, entry, this.#limits, this.#regExps);
    if (fault !== undefined) throw malformed(fault);
    if (tag === "URL" || tag === "URLSearchParams") this.needsRevivers = true;
  }

  #checkNullPrototype(entry: readonly unknown[]): void {
    if (entry.length % 2 === 0) throw malformed("a property without a value");
    for (let at = 1; at < entry.length; at += 2) this.#checkKey(entry[at]);
    this.#push(entry, 2, 2, false);
  }

  // The record is an object of its own, and has its texts before anything that may refer back to it.
  #checkError(entry: readonly unknown[]): void {
    this.needsRevivers = true;
    const record: unknown = this.#entryAt(entry[1]);
    const isRecord = typeof record === "object" && record !== null && !Array.isArray(record);
    const keys = isRecord ? Object.keys(record) : [];
    if (keys.slice(0, 3).join() !== "class,name,message") throw malformed("an Error without class, name and message");
    this.#claim(record);
    const fields = record as { readonly [key: string]: unknown };
    let mayBeText = true;
    for (const key of keys) {
      if (!recordTexts.has(key)) mayBeText = false;
      else if (!mayBeText) throw malformed(`an Error whose ${key} comes late`);
      else if (typeof this.#entryAt(fields[key]) !== "string") throw malformed(`an Error whose ${key} is not a text`);
    }
    if (Object.hasOwn(fields, "own")) this.#checkErrorProperties(this.#entryAt(fields["own"]));
    this.#follow(entry[1]);
  }

  #checkErrorProperties(own: unknown): void {
    if (!Array.isArray(own) || own[0] !== "null") throw malformed("an Error whose properties are not a record");
    this.#claim(own);
    for (let at = 1; at < own.length; at += 2) {
      if (recordedKeys.has(own[at])) throw malformed("an Error with a property that its record has");
    }
  }

  // Parts that many errors shared would be copied by each, which takes quadratic time and room.
  #claim(part: unknown): void {
    if (this.#errorParts.has(part)) throw malformed("an Error without a record of its own");
    this.#errorParts.add(part);
  }

  #checkBuffer(entry: readonly unknown[]): void {
    this.needsRevivers = true;
    const blob = this.#entryAt(entry[1]);
    if (typeof blob !== "number" || this.#blobSeen[blob - 1] !== 0) {
      throw malformed("an ArrayBuffer without a blob of its own");
    }
    this.#blobSeen[blob - 1] = 1;
    this.#blobsLeft--;
    this.#follow(entry[1]);
  }

  #checkView(entry: readonly unknown[]): void {
    const buffer = this.#entryAt(entry[1]);
    if (!Array.isArray(buffer) || buffer[0] !== "ArrayBuffer") throw malformed("a view without an ArrayBuffer");
    for (const bound of entry.slice(2)) {
      if (typeof bound !== "number" || !Number.isInteger(bound) || bound < 0) {
        throw malformed("a view with a bound that is not a whole number");
      }
    }
    this.#follow(entry[1]);
  }

  #checkBox(entry: readonly unknown[]): void {
    const ref = entry[1];
    if (typeof ref === "number" && boxableSpecials.has(ref)) return;
    const content = this.#entryAt(ref);
    const isBigint = Array.isArray(content) && content[0] === "BigInt";
    if (content === null || (typeof content === "object" && !isBigint)) throw malformed("a box around an object");
    this.#follow(ref);
  }
}

function leafFault(
  tag: string,
  entry: readonly unknown[],
  limits: CodecLimits,
  regExps: RegExpBudget,
): string | undefined {
  switch (tag) {
    case "URL":
    case "URLSearchParams":
      return typeof entry[1] === "string" ? undefined : `a ${tag} without text`;
    case "Date":
      return dateFault(entry[1]);
    case "RegExp":
      return regExpFault(entry[1], entry[2], regExps);
    case "BigInt":
      return bigintFault(entry[1], limits);
    default:
      throw unknownTag(tag);
  }
}

function malformed(found: string): UndecodableError {
  return new UndecodableError(`The recorded value cannot be read: it holds ${found}.`, {
    hint: "The bytes are damaged, or were not written by Perdure.",
  });
}

function beyond(found: string): UndecodableError {
  return new UndecodableError(`The recorded value cannot be read: it is beyond a limit, ${found}.`);
}

// A tag is a name of the format, not data; but damaged data may stand in its place, so it is cut short.
function unknownTag(tag: string): UndecodableError {
  return new UndecodableError(`The recorded value holds the type ${JSON.stringify(tag.slice(0, 24))}, unknown here.`, {
    hint: "A newer version of Perdure may have written it: upgrade this process.",
  });
}
