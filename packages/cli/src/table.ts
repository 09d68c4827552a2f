/** Aligned columns of plain text. Pure. */

/** One cell: its text as it is measured, and how it is painted. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
  /** Numbers stand at the right of their column. */
  readonly right?: boolean;
}

const gap = "  ";

/** Rows as lines, every column as wide as its widest cell. Control characters in cells are made visible. */
export function renderTable(rows: readonly (readonly Cell[])[]): string {
  const printable = rows.map((row) => row.map((cell) => ({ ...cell, text: visible(cell.text) })));
  const widths: number[] = [];
  for (const row of printable) {
    row.forEach(({ text }, column) => {
      widths[column] = Math.max(widths[column] ?? 0, [...text].length);
    });
  }
  return printable.map((row) => `${renderRow(row, widths)}\n`).join("");
}

function renderRow(row: readonly Cell[], widths: readonly number[]): string {
  const cells = row.map(({ text, paint = (plain) => plain, right = false }, column) => {
    const padding = " ".repeat((widths[column] ?? 0) - [...text].length);
    if (right) return padding + paint(text);
    return column === row.length - 1 ? paint(text) : paint(text) + padding;
  });
  return cells.join(gap).trimEnd();
}

/**
 * Text from a store, made safe to print: a control character could move the cursor, recolour the terminal or hide text, so each is
 * shown as an escape.
 */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
