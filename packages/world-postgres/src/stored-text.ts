/**
 * Text as PostgreSQL can hold it. JavaScript's strings may hold NUL and lone surrogates, which no UTF-8 text of a server
 * can; they are written as `\uXXXX`, and the backslash itself as `\\`, so that different strings stay different.
 */
import { createHash } from "node:crypto";

const special = /[\\\0]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const escaped = /\\(?:\\|u([0-9a-f]{4}))/g;

/** Nearly every text: ASCII that prints, without the backslash. */
const plain = /^[ -[\]-~]*$/;

/** The text to store for a string. */
export function toStoredText(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(special, (unit) =>
    unit === "\\" ? "\\\\" : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The string that was stored as this text. */
export function fromStoredText(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(escaped, (_, code: string | undefined) =>
    code === undefined ? "\\" : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** {@link toStoredText} where there is a string. */
export const toStoredOrNull = (text: string | null): string | null => (text === null ? null : toStoredText(text));

/** {@link fromStoredText} where there is a text. */
export const fromStoredOrNull = (text: string | null): string | null => (text === null ? null : fromStoredText(text));

/** What a key is unique by: keys of users may be longer than an entry of an index. */
export const hashOfKey = (key: string): Buffer => createHash("sha256").update(toStoredText(key)).digest();
