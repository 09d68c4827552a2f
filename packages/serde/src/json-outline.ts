import type { CodecLimits } from "./limits.ts";

/**
 * Looks at the outline of a text before it is parsed as JSON: its commas and brackets outside of strings. Parsing takes
 * ten times the size of a text of empty arrays in memory, and seconds for one of opening brackets.
 */

// A smaller text is parsed in no time whatever it is.
const uncheckedLength = 64 * 1024;
// Commas and brackets that one part of a value takes at most: a separator, a bracket, the three bounds of a view, and
// the name and value that refer to it. The exact count of parts follows in the table.
const marksPerPart = 8;
// The table and the entries in it.
const maxNesting = 2;

/** What speaks against parsing the text, or `undefined` when nothing does. */
export function outlineFault(text: string, limits: CodecLimits): string | undefined {
  if (text.length <= uncheckedLength) return undefined;
  const maxMarks = limits.nodes * marksPerPart;
  let marks = 0;
  let nesting = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === quote) at = endOfString(text, at);
    else if (unit === comma) marks++;
    else if (unit === openBracket || unit === openBrace) {
      marks++;
      nesting++;
      if (nesting > maxNesting) return "its text is nested deeper than a table of parts";
    } else if (unit === closeBracket || unit === closeBrace) nesting--;
    if (marks > maxMarks) return `more than ${limits.nodes} parts`;
  }
  return undefined;
}

const comma = 0x2c;
const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Where the string that starts at this quote ends: at its closing quote, or at the end of a text that lacks one. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
  return backslashes % 2 === 1;
}
