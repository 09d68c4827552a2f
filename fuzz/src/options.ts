/** The command line of the fuzzing. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { UsageError } from "@perdure/errors";

export const usage = `Usage: pnpm fuzz [options]

Reads hostile and damaged payloads, texts and bundles, on the host and in the realm, and judges what happens.

Options:
  --executions <count>  how many (default 1,000,000, a run for the night on a slow machine)
  --seed <number>       where the inputs come from (default: a new one each time; it is printed)
  --workers <count>     processes (default: as many as there are processors)
  --replay <seed>       one execution again, as a finding names it: 7:1234
  --help                this text

Ctrl-C ends it with the figures so far.
Ends with 1 when a rule was broken, with 2 when the command line is not understood.
`;

/** What the command line asks for. */
export interface FuzzOptions {
  readonly help: boolean;
  readonly seed: number;
  readonly executions: number;
  readonly workers: number;
  /** The one execution that is run again, or null. */
  readonly replay: number | null;
}

const executionsDefault = 1_000_000;

/** Reads the command line. Throws `UsageError` when it does not say what to do. */
export function parseOptions(args: readonly string[]): FuzzOptions {
  const values = parse(args);
  const replay = values.replay === undefined ? null : replayedExecution(values.replay);
  const given = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole("--seed", values.seed, 0);
  return {
    help: values.help === true,
    seed: replay?.seed ?? given,
    executions: replay === null ? whole("--executions", values.executions ?? `${executionsDefault}`, 1) : 1,
    workers: replay === null ? whole("--workers", values.workers ?? `${availableParallelism()}`, 1) : 1,
    replay: replay?.index ?? null,
  };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    const options = {
      executions: text,
      seed: text,
      workers: text,
      replay: text,
      help: { type: "boolean", short: "h" },
    } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (cause) {
    const reason = cause instanceof TypeError ? cause.message : "It could not be read.";
    throw new UsageError(`The command line is not understood: ${reason}`, { hint: "See --help.", cause });
  }
}

const largestWhole = 2 ** 31 - 1;

function whole(option: string, text: string, least: number): number {
  const value = Number(text.replaceAll(",", ""));
  if (text !== "" && Number.isInteger(value) && value >= least && value <= largestWhole) return value;
  throw new UsageError(`${option} takes a whole number from ${least}, and was given "${text}".`, {
    hint: "See --help.",
  });
}

function replayedExecution(text: string): { readonly seed: number; readonly index: number } {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (match === null) {
    throw new UsageError(`--replay takes the seed that a finding names, such as 7:1234, and was given "${text}".`);
  }
  return { seed: whole("--replay", match[1] ?? "", 0), index: whole("--replay", match[2] ?? "", 0) };
}
