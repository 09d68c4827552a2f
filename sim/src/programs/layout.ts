/** How printed lines are set. */

/** The lines, each two columns to the right. */
export function indented(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split("\n")).map((line) => `  ${line}`);
}

/** The items of a list, one below the other. */
export function listed(items: readonly string[]): readonly string[] {
  return indented(items.map((item) => `${item},`));
}
