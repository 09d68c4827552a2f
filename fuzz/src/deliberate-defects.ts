/** Readers with one defect each. Every one of them must be found, or the fuzzing shows nothing. */

import { resealed } from "./mutate-bytes.ts";
import type { Subject } from "./subject.ts";
import { realSubject } from "./subject.ts";

type Decode = Subject["decode"];

const withDecode = (decode: Decode): Subject => ({ ...realSubject, decode });

const defects = {
  acceptsWrongChecksum: {
    ...realSubject,
    unpackPayload: (bytes) => realSubject.unpackPayload(resealed(Buffer.from(bytes))),
  },
  pollutesPrototype: withDecode((text, blobs, options) => {
    const polluted = text.includes("__proto__");
    if (polluted)
      Object.defineProperty(Object.prototype, "polluted", { value: 1, configurable: true, enumerable: false });
    return realSubject.decode(text, blobs, options);
  }),
  addsGlobal: withDecode((text, blobs, options) => {
    if (text.includes("prototype")) Reflect.set(globalThis, "leaked", text);
    return realSubject.decode(text, blobs, options);
  }),
  replacesMethod: withDecode((text, blobs, options) => {
    const native = Map.prototype.get;
    if (text.includes("toString"))
      Map.prototype.get = function get(key) {
        return Reflect.apply(native, this, [key]);
      };
    return realSubject.decode(text, blobs, options);
  }),
  throwsTypeError: withDecode((text, blobs, options) => {
    if (text.includes("null,")) throw new TypeError("of the reader");
    return realSubject.decode(text, blobs, options);
  }),
  hangs: withDecode((text, blobs, options) => {
    const hangs = text.includes('["Temporal.Instant"');
    while (hangs);
    return realSubject.decode(text, blobs, options);
  }),
  takesQuadraticTime: withDecode((text, blobs, options) => {
    let count = 0;
    if (text.length > 64 * 1024) {
      for (let at = 0; at < text.length; at += 256) for (let back = 0; back < at; back++) count = (count + back) | 0;
    }
    return count === 0.5 ? undefined : realSubject.decode(text, blobs, options);
  }),
  takesTooMuchMemory: withDecode((text, blobs, options) => {
    const memory: number[][] = [];
    if (text.length > 64 * 1024) for (let at = 0; at < text.length; at++) memory.push(new Array(100).fill(at));
    return memory.length < 0 ? memory : realSubject.decode(text, blobs, options);
  }),
  losesNegativeZero: withDecode((text, blobs, options) =>
    realSubject.decode(text.replaceAll("-6", "[0]"), blobs, options),
  ),
  losesSharing: withDecode((text, blobs, options) => {
    const value = realSubject.decode(text, blobs, options);
    return Array.isArray(value) ? value.map((part: unknown) => (part instanceof Set ? new Set(part) : part)) : value;
  }),
  runsCode: withDecode((text, blobs, options) => {
    const code = /globalThis\.\w+\(\)/.exec(text)?.[0];
    const value = realSubject.decode(text, blobs, options);
    if (code !== undefined) new Function(code)();
    return value;
  }),
  readsPastTheEnd: {
    ...realSubject,
    unpackPayload: (bytes) => {
      const parts = realSubject.unpackPayload(bytes);
      return { ...parts, blobs: parts.blobs.slice(0, 1) };
    },
  },
  throwsForBundle: {
    ...realSubject,
    unpackBundle: (bytes) => {
      if (bytes.length < 4) throw new RangeError("of the reader");
      return realSubject.unpackBundle(bytes);
    },
  },
} as const satisfies Readonly<Record<string, Subject>>;

/** The name of a deliberate defect. */
export type DefectName = keyof typeof defects;

/** Every deliberate defect. */
export const defectNames = Object.keys(defects) as readonly DefectName[];

/** The readers with this defect. */
export function defectiveSubject(name: DefectName): Subject {
  return defects[name];
}
