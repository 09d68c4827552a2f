/** `Math.random` and `crypto`, drawn from the run's seed: a replay draws the same. */
import { UnavailableInWorkflowContextError } from "@perdure/errors";
import type { ChaChaStream } from "../chacha.ts";
import { currentContext } from "../orchestrator-context.ts";
import { defineGlobal, replaceMethods } from "./define.ts";
import { DOMException } from "./dom-exception.ts";

/** What `getRandomValues` fills at most, in bytes (Web Crypto API, section 10.1.1). */
const bytesMax = 65_536;

export function installRandom(): void {
  replaceMethods(Math, {
    random(): number {
      const stream = currentContext().stream("math");
      // 53 random bits, as many as a double holds.
      return ((stream.nextUint32() >>> 5) * 2 ** 26 + (stream.nextUint32() >>> 6)) / 2 ** 53;
    },
  });
  defineGlobal("crypto", {
    getRandomValues,
    randomUUID,
    get subtle(): never {
      throw new UnavailableInWorkflowContextError("crypto.subtle", "Do cryptography in a step.");
    },
  });
}

function getRandomValues<T extends ArrayBufferView>(view: T): T {
  const isInteger = ArrayBuffer.isView(view) && /^(Big)?(Ui|I)nt\d+(Clamped)?Array$/.test(tagOf(view));
  if (!isInteger) throw new DOMException("crypto.getRandomValues needs an integer typed array.", "TypeMismatchError");
  if (view.byteLength > bytesMax) {
    throw new DOMException(`crypto.getRandomValues fills ${bytesMax} bytes at most.`, "QuotaExceededError");
  }
  fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), currentContext().stream("crypto"));
  return view;
}

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

function fill(bytes: Uint8Array, stream: ChaChaStream): void {
  let word = 0;
  for (let index = 0; index < bytes.length; index++) {
    if (index % 4 === 0) word = stream.nextUint32();
    bytes[index] = word & 0xff;
    word >>>= 8;
  }
}

/** A version 4 UUID (RFC 9562, section 5.4). */
function randomUUID(): string {
  const bytes = new Uint8Array(16);
  fill(bytes, currentContext().stream("crypto"));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join("-");
}
