/** `TextEncoder` and `TextDecoder` for UTF-8 (Encoding Standard, section 8.1). */
import { defineGlobal } from "./define.ts";

export function installTextEncoding(): void {
  defineGlobal("TextEncoder", TextEncoder);
  defineGlobal("TextDecoder", TextDecoder);
}

const replacement = 0xfffd;

class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: unknown = ""): Uint8Array {
    const source = String(text);
    // Three bytes for one UTF-16 code unit are the most that there can be.
    const bytes = new Uint8Array(source.length * 3);
    const { written } = this.encodeInto(source, bytes);
    return bytes.slice(0, written);
  }

  encodeInto(text: unknown, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const point = character.codePointAt(0) ?? 0;
      const scalar = point >= 0xd800 && point <= 0xdfff ? replacement : point;
      const size = sizeOf(scalar);
      if (written + size > target.length) break;
      writePoint(scalar, size, target, written);
      read += character.length;
      written += size;
    }
    return { read, written };
  }

  get [Symbol.toStringTag](): string {
    return "TextEncoder";
  }
}

function sizeOf(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

const leadMarks = [0, 0, 0xc0, 0xe0, 0xf0];

function writePoint(point: number, size: number, target: Uint8Array, start: number): void {
  let rest = point;
  for (let index = size - 1; index > 0; index--) {
    target[start + index] = 0x80 | (rest & 0x3f);
    rest >>>= 6;
  }
  target[start] = (leadMarks[size] ?? 0) | rest;
}

const utf8Labels = ["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"];

class TextDecoder {
  readonly #fatal: boolean;
  readonly #ignoreBOM: boolean;
  #decoder = new Utf8Decoder();
  #isContinued = false;
  #sawStart = false;

  constructor(label: unknown = "utf-8", options: { readonly fatal?: unknown; readonly ignoreBOM?: unknown } = {}) {
    if (!utf8Labels.includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`Workflow code can decode utf-8 only, not ${String(label)}; decode it in a step.`);
    }
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }

  get encoding(): string {
    return "utf-8";
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { readonly stream?: unknown } = {}): string {
    if (!this.#isContinued) {
      this.#decoder = new Utf8Decoder();
      this.#sawStart = false;
    }
    this.#isContinued = Boolean(options.stream);
    const points = this.#decoder.push(bytesOf(input));
    if (!this.#isContinued) points.push(...this.#decoder.flush());
    if (this.#fatal && this.#decoder.isMalformed) {
      this.#isContinued = false;
      throw new TypeError("The bytes are not valid UTF-8.");
    }
    return textOf(this.#withoutMark(points));
  }

  #withoutMark(points: number[]): number[] {
    if (this.#sawStart || points.length === 0) return points;
    this.#sawStart = true;
    if (!this.#ignoreBOM && points[0] === 0xfeff) points.shift();
    return points;
  }

  get [Symbol.toStringTag](): string {
    return "TextDecoder";
  }
}

function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  return ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
}

function textOf(points: readonly number[]): string {
  let text = "";
  const chunk = 4096;
  for (let at = 0; at < points.length; at += chunk) text += String.fromCodePoint(...points.slice(at, at + chunk));
  return text;
}

/** The decoder of the standard: a malformed sequence becomes one U+FFFD for each longest prefix that could be valid. */
class Utf8Decoder {
  isMalformed = false;
  #point = 0;
  #needed = 0;
  #lower = 0x80;
  #upper = 0xbf;

  push(bytes: Uint8Array): number[] {
    const points: number[] = [];
    for (const byte of bytes) {
      if (this.#needed > 0) {
        if (byte >= this.#lower && byte <= this.#upper) {
          this.#continueWith(byte, points);
          continue;
        }
        this.#fail(points);
      }
      this.#startWith(byte, points);
    }
    return points;
  }

  flush(): number[] {
    const points: number[] = [];
    if (this.#needed > 0) this.#fail(points);
    return points;
  }

  #continueWith(byte: number, points: number[]): void {
    this.#lower = 0x80;
    this.#upper = 0xbf;
    this.#point = (this.#point << 6) | (byte & 0x3f);
    this.#needed -= 1;
    if (this.#needed === 0) points.push(this.#point);
  }

  #startWith(byte: number, points: number[]): void {
    if (byte < 0x80) points.push(byte);
    else if (byte >= 0xc2 && byte <= 0xdf) this.#expect(1, byte & 0x1f);
    else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) this.#lower = 0xa0;
      if (byte === 0xed) this.#upper = 0x9f;
      this.#expect(2, byte & 0x0f);
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) this.#lower = 0x90;
      if (byte === 0xf4) this.#upper = 0x8f;
      this.#expect(3, byte & 0x07);
    } else this.#fail(points);
  }

  #expect(needed: number, point: number): void {
    this.#needed = needed;
    this.#point = point;
  }

  #fail(points: number[]): void {
    this.isMalformed = true;
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
    points.push(replacement);
  }
}
