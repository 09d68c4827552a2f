/** Colours of the terminal output, or none. */
import { styleText } from "node:util";

/** What a piece of text means; the colour follows from it. */
export type Tone = "good" | "bad" | "warning" | "active" | "faint" | "strong";

/** Gives text its colour, or leaves it alone. */
export type TextStyle = (tone: Tone, text: string) => string;

const formats = {
  good: "green",
  bad: "red",
  warning: "yellow",
  active: "cyan",
  faint: "gray",
  strong: "bold",
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

/**
 * Colours when the stream is a terminal and `NO_COLOR` is unset or empty (https://no-color.org); `FORCE_COLOR` with a value
 * other than 0 colours a pipe too.
 */
export function textStyle(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): TextStyle {
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "" && env["FORCE_COLOR"] !== "0";
  const refused = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  if (refused || !(isTerminal || forced)) return (_tone, text) => text;
  return (tone, text) => styleText(formats[tone], text, { validateStream: false });
}
