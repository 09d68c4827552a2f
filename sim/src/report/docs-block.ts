/** The figures in `docs/reliability.md`: the text between two markers is written from a run, never by hand. */
import { readFileSync, writeFileSync } from "node:fs";
import { invariant } from "@perdure/errors";

const page = new URL("../../../docs/reliability.md", import.meta.url);

/** Replaces the block of this name by a text, set as code. */
export function writeFigures(block: "campaign" | "mutants", text: string): void {
  const before = readFileSync(page, "utf8");
  writeFileSync(page, withBlock(before, block, text));
}

/** The page with another text between the markers of a block. */
export function withBlock(document: string, block: string, text: string): string {
  const [open, close] = [`<!-- ${block} -->`, `<!-- /${block} -->`];
  const from = document.indexOf(open);
  const to = document.indexOf(close);
  invariant(from >= 0 && to > from, `the page has no block ${block}`);
  return `${document.slice(0, from + open.length)}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${document.slice(to)}`;
}
