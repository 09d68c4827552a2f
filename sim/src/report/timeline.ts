/** A schedule drawn as text: one lane for each participant, one line for each thing that happened. */
import { epoch } from "../kernel/scheduler.ts";
import type { TraceLine } from "../kernel/trace.ts";

/** Routine that says nothing unless something strikes it. */
const routine = /^(heartbeat|poll|list|claim|find) of /;

/** The lines of a trace that tell something, at most so many before the end. */
export function timeline(lines: readonly TraceLine[], linesMax = 120): string {
  const telling = lines.filter(({ what }) => !routine.test(what));
  const shown = telling.slice(-linesMax);
  const lanes = [...new Set(shown.map(({ who }) => who))].filter((who) => !who.startsWith("client"));
  const names = new Map(lanes.map((who, index) => [who, index]));
  const head = lanes.map((who, index) => `${letter(index)} = ${who}`).join(", ");
  const omitted = telling.length - shown.length;
  return [
    `lanes: ${head}`,
    ...(omitted > 0 ? [`(${omitted} lines before)`] : []),
    ...shown.map(({ at, who, what }) => {
      const lane = names.get(who);
      const marks = lanes.map((_, index) => (index === lane ? letter(index) : "|")).join(" ");
      return `${String(at - epoch).padStart(9)}  ${marks}  ${lane === undefined ? `${who}: ` : ""}${what}`;
    }),
  ].join("\n");
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const letter = (index: number): string => letters[index % letters.length] ?? "?";
