/** A line that fills up: redrawn in place on a terminal, and printed anew at each quarter anywhere else. */
const width = 28;

export class ProgressBar {
  readonly #label: string;
  readonly #stream: NodeJS.WriteStream;
  #quarter = 0;
  #line = "";

  constructor(label: string, stream: NodeJS.WriteStream) {
    this.#label = label;
    this.#stream = stream;
  }

  /** Shows how much is done. */
  show(done: number, total: number): void {
    const share = total === 0 ? 0 : done / total;
    const filled = Math.round(share * width);
    const counts = `${done}/${total} steps`.padStart(15);
    const line = `${this.#label}  ${"█".repeat(filled)}${"░".repeat(width - filled)}${counts}`;
    if (this.#stream.isTTY) {
      if (line !== this.#line) this.#stream.write(`\r${line}`);
      this.#line = line;
      return;
    }
    const quarter = Math.floor(share * 4);
    if (quarter > this.#quarter) this.#stream.write(`${line}\n`);
    this.#quarter = quarter;
  }

  /** Leaves the line as it is. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write("\n");
  }
}
