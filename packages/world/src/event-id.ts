import { invariant } from "@perdure/errors";

/** The stable id of an event within its run: `evnt_` and the position, zero-padded to 26 digits. */
export function eventId(position: number): string {
  invariant(Number.isSafeInteger(position) && position > 0, `a position is a positive integer, not ${position}`);
  return `evnt_${String(position).padStart(26, "0")}`;
}

const idPattern = /^[a-z]+_[0-9A-HJKMNP-TV-Z]{26}$/;

/** True when text from outside has the form of one of our ids with this prefix (`wrun`, `step`, …). */
export function isId(prefix: string, text: string): boolean {
  return text.startsWith(`${prefix}_`) && idPattern.test(text);
}
