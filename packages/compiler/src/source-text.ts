/** Source text of one module with its name, and the arithmetic from offsets to lines and columns. */

/** A place as people and editors count it: line and column from 1, columns in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The text of a module under the name that diagnostics give it. */
export class SourceText {
  /** Path from the project root, with forward slashes. */
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#lineStarts = lineStarts(text);
  }

  /** The place of an offset in UTF-16 code units; an offset outside of the text counts as its nearest end. */
  position(offset: number): Position {
    const at = Math.min(Math.max(offset, 0), this.text.length);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (this.#lineStarts[low] ?? 0) + 1 };
  }

  /** The offset of a place; a place outside of the text counts as its nearest end. */
  offset({ line, column }: Position): number {
    const index = Math.min(Math.max(line, 1), this.#lineStarts.length) - 1;
    return Math.min((this.#lineStarts[index] ?? 0) + column - 1, this.text.length);
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (const end of text.matchAll(/\r\n|\n|\r/g)) starts.push(end.index + end[0].length);
  return starts;
}
