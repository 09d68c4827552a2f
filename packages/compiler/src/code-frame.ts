/** The lines around a place in a program, with a caret under it, as plain text. */

import type { Position } from "./source-text.ts";

const linesBefore = 2;
const linesAfter = 1;
/** Longer lines are cut around the caret, so that a minified file does not fill the terminal. */
const widthMax = 120;

/** A code frame for the place: two lines before it, one line after it, the line itself marked with `>` and a caret. */
export function codeFrame(text: string, { line, column }: Position): string {
  const lines = text.split(/\r\n|\n|\r/);
  const first = Math.max(1, line - linesBefore);
  const last = Math.min(lines.length, line + linesAfter);
  const numberWidth = String(last).length;
  const from = column > widthMax - 20 ? column - Math.floor(widthMax / 2) : 0;
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const content = (lines[number - 1] ?? "").slice(from, from + widthMax);
    const label = String(number).padStart(numberWidth);
    frame.push(`${number === line ? ">" : " "} ${label} | ${content}`.trimEnd());
    if (number === line) {
      // Tabs are kept, so that the caret stands under its column whatever the terminal's tab width is.
      const indent = content.slice(0, Math.max(0, column - 1 - from)).replaceAll(/[^\t]/g, " ");
      frame.push(`  ${" ".repeat(numberWidth)} | ${indent}^`);
    }
  }
  return frame.join("\n");
}
