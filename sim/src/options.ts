/** The command line of the simulator. */
import { parseArgs } from "node:util";
import { UsageError } from "@perdure/errors";
import type { ScheduleCuts } from "./schedule/run-schedule.ts";

export type SimCommand =
  | { readonly kind: "help" }
  | {
      readonly kind: "campaign";
      readonly from: number;
      readonly count: number;
      readonly workers: number | undefined;
      readonly json: boolean;
      readonly docs: boolean;
    }
  /** One schedule, with its timeline; `shrinks`: cut down first when it is red. */
  | { readonly kind: "schedule"; readonly seed: number; readonly cuts: ScheduleCuts; readonly shrinks: boolean }
  | {
      readonly kind: "mutants";
      readonly names: readonly string[];
      readonly count: number;
      readonly workers: number | undefined;
      readonly json: boolean;
      readonly docs: boolean;
    };

export const usage = `pnpm sim [options]                     schedules under faults, each from a seed

  --seeds N          how many schedules (default 2,000; 1,000,000 is a night's work)
  --from S           the first seed (default 0)
  --workers W        processes (default: one per core)
  --json             the last line is the figures as JSON
  --docs             writes the figures into docs/reliability.md

pnpm sim --seed S                      one schedule: what it was, and its timeline; a red one is cut down first
  --cuts JSON        as a cut-down schedule prints it
  --whole            do not cut it down

pnpm sim --mutants [name …]            puts defects into the engine, one at a time, and finds them
  --seeds N          schedules until a mutant counts as surviving (default 20,000)`;

const optionTypes = {
  help: { type: "boolean" },
  seeds: { type: "string" },
  from: { type: "string" },
  workers: { type: "string" },
  json: { type: "boolean" },
  docs: { type: "boolean" },
  seed: { type: "string" },
  cuts: { type: "string" },
  whole: { type: "boolean" },
  mutants: { type: "boolean" },
} as const;

const schedulesDefault = 2_000;
const mutantSchedulesDefault = 20_000;

/** Throws `UsageError` for a command line that makes no sense. */
export function parseCommand(args: readonly string[]): SimCommand {
  const { values, positionals } = parse(args);
  if (values.help === true) return { kind: "help" };
  const workers = values.workers === undefined ? undefined : count("--workers", values.workers, 1);
  const output = { json: values.json === true, docs: values.docs === true };
  if (values.mutants === true) {
    const schedules = count("--seeds", values.seeds, 1, mutantSchedulesDefault);
    return { kind: "mutants", names: positionals, count: schedules, workers, ...output };
  }
  if (positionals.length > 0) throw refused(`"${positionals[0]}" is not an option`);
  if (values.seed !== undefined) {
    const cuts = values.cuts === undefined ? {} : parseCuts(values.cuts);
    const shrinks = values.whole !== true && values.cuts === undefined;
    return { kind: "schedule", seed: count("--seed", values.seed, 0), cuts, shrinks };
  }
  const from = count("--from", values.from, 0, 0);
  return { kind: "campaign", from, count: count("--seeds", values.seeds, 1, schedulesDefault), workers, ...output };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: optionTypes, allowPositionals: true });
  } catch (error) {
    throw refused(error instanceof Error ? error.message : "it cannot be read");
  }
}

function count(name: string, text: string | undefined, min: number, otherwise?: number): number {
  if (text === undefined && otherwise !== undefined) return otherwise;
  const value = Number(text?.replaceAll(/[,_]/g, ""));
  if (!Number.isSafeInteger(value) || value < min) {
    throw refused(`${name} takes a whole number of at least ${min}, and not "${text}"`);
  }
  return value;
}

function parseCuts(text: string): ScheduleCuts {
  try {
    return JSON.parse(text) as ScheduleCuts;
  } catch (cause) {
    throw refused("--cuts takes the JSON that a cut-down schedule prints", cause);
  }
}

function refused(what: string, cause?: unknown): UsageError {
  return new UsageError(`The command line is not understood: ${what}.`, { hint: usage, cause });
}
