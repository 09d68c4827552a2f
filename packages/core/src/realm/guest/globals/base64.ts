/** `atob` and `btoa` (Infra Standard, "forgiving-base64 decode"). */
import { defineGlobal } from "./define.ts";
import { DOMException } from "./dom-exception.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function installBase64(): void {
  defineGlobal("atob", atob);
  defineGlobal("btoa", btoa);
}

function btoa(data: unknown): string {
  const text = String(data);
  let encoded = "";
  for (let at = 0; at < text.length; at += 3) {
    const units = [0, 1, 2].map((offset) => text.charCodeAt(at + offset));
    if (units.some((unit) => unit > 0xff)) {
      throw new DOMException("btoa takes characters up to U+00FF.", "InvalidCharacterError");
    }
    const count = Math.min(3, text.length - at);
    const bits = units.reduce((sum, unit) => (sum << 8) | (unit || 0), 0);
    for (let index = 0; index < 4; index++) {
      encoded += index > count ? "=" : alphabet.charAt((bits >>> (18 - index * 6)) & 63);
    }
  }
  return encoded;
}

function atob(data: unknown): string {
  const compact = String(data).replaceAll(/[\t\n\f\r ]/g, "");
  const text = compact.length % 4 === 0 ? compact.replace(/={1,2}$/, "") : compact;
  if (text.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(text)) {
    throw new DOMException("The text is not base64.", "InvalidCharacterError");
  }
  let decoded = "";
  let bits = 0;
  let bitCount = 0;
  for (const character of text) {
    bits = ((bits << 6) | alphabet.indexOf(character)) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    decoded += String.fromCharCode((bits >>> bitCount) & 0xff);
  }
  return decoded;
}
