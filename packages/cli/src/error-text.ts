/** Errors as people read them on a terminal. Pure. */
import { inspect } from "node:util";
import { PerdureError } from "@perdure/errors";
import { visible } from "./table.ts";
import type { TextStyle } from "./text-style.ts";

/** Message, place and hint; with `verbose` the stack and the causes too. */
export function describeError(
  error: unknown,
  options: { readonly verbose: boolean; readonly style: TextStyle },
): string {
  const label = options.style("bad", "error:");
  if (options.verbose) return `${label} ${inspect(error, { depth: 4 })}`;
  const text = error instanceof Error ? error.message : String(error);
  const [first = "", ...rest] = text.split("\n").map(visible);
  const lines = [`${label} ${first}`, ...rest];
  const cause = PerdureError.is(error) ? error.cause : undefined;
  if (cause instanceof Error && !text.includes(cause.message)) {
    lines.push(`  cause: ${visible(`${cause.name}: ${cause.message.split("\n", 1)[0] ?? ""}`)}`);
  }
  return lines.join("\n");
}
