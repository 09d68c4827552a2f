/**
 * Checks the simulator itself: switches mutants on, one process each, and counts how many schedules it takes until one is red.
 * A mutant that survives shows a hole in the simulator, or a guard that guards nothing.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mutants } from "./all-mutants.ts";
import type { MutantMessage, MutantOrder } from "./messages.ts";
import type { Mutant } from "./mutant.ts";

export interface MutantOptions {
  /** The mutants to run, by name; none or an empty list: all. */
  readonly names?: readonly string[];
  /** Schedules after which a mutant counts as a survivor. Default 20,000. */
  readonly schedulesMax?: number;
  /** Milliseconds after which no further schedule of a mutant is begun. Default: an hour. */
  readonly limitMs?: number;
  /** Milliseconds that one schedule may last before the process counts as hanging. Default: two minutes. */
  readonly hangMs?: number;
  /** Processes at once. Default 2. */
  readonly workers?: number;
  /** Called with each result as it comes in. */
  readonly onResult?: (result: MutantResult) => void;
}

export interface MutantResult {
  readonly name: string;
  readonly breaks: string;
  /** The invariants by which it is expected to be found. */
  readonly expected: readonly string[];
  /** The guard that is expected to hide it; null: it is expected to be killed. */
  readonly coveredBy: string | null;
  readonly outcome: "killed" | "survived" | "crash" | "hang";
  /** Schedules that were run, that in which it was found included. */
  readonly schedules: number;
  /** The invariant that was found to be broken first; null: none. */
  readonly foundBy: string | null;
  readonly message: string;
  readonly ms: number;
}

export interface MutantReport {
  /** Mutants that were killed, of those that no other guard covers. */
  readonly killed: number;
  readonly total: number;
  readonly mutants: readonly MutantResult[];
}

const hour = 3_600_000;

/** A mutant that is expected to survive is run for this share of the schedules. */
const coveredShare = 0.02;

/** Runs mutants. Throws for a name that none has. */
export async function runMutants(options: MutantOptions = {}): Promise<MutantReport> {
  const { names = [] } = options;
  const waiting = names.length === 0 ? [...mutants] : names.map(mutantOf);
  const results: MutantResult[] = [];
  const next = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const result = await runMutant(mutant, options);
      results.push(result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: options.workers ?? 2 }, next));
  const place = new Map(mutants.map(({ name }, index) => [name, index]));
  results.sort((a, b) => (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0));
  const counted = results.filter(({ coveredBy }) => coveredBy === null);
  return { killed: counted.filter(isKilled).length, total: counted.length, mutants: results };
}

function mutantOf(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new TypeError(`There is no mutant "${name}".`);
  return found;
}

/** A process that hangs has found nothing, unless to hang is what the mutant does. */
function isKilled({ name, outcome }: MutantResult): boolean {
  return outcome === "killed" || (outcome === "hang" && mutantOf(name).effect === "hang");
}

type Ending = Pick<MutantResult, "outcome" | "schedules" | "foundBy" | "message">;

async function runMutant(mutant: Mutant, options: MutantOptions): Promise<MutantResult> {
  const { name, breaks, invariants, coveredBy } = mutant;
  const startedAt = performance.now();
  const { schedulesMax = 20_000, limitMs = hour, hangMs = 120_000 } = options;
  const share = coveredBy === undefined ? 1 : coveredShare;
  const child = start({ mutant: name, schedulesMax: Math.ceil(schedulesMax * share), limitMs });
  const ending = await endingOf(child, hangMs);
  const ms = Math.round(performance.now() - startedAt);
  return { name, breaks, expected: invariants, coveredBy: coveredBy ?? null, ...ending, ms };
}

function start(order: MutantOrder): ChildProcess {
  return fork(new URL("./mutant-process.ts", import.meta.url), [JSON.stringify(order)], {
    execArgv: ["--conditions=@perdure/source"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

function endingOf(child: ChildProcess, hangMs: number): Promise<Ending> {
  let schedules = 0;
  return new Promise((resolve) => {
    const finish = (outcome: MutantResult["outcome"], message: string, foundBy: string | null = null): void => {
      clearTimeout(watch);
      child.kill("SIGKILL");
      resolve({ outcome, schedules, foundBy, message });
    };
    const hangs = (): void => finish("hang", `schedule ${schedules - 1} came to no end`);
    let watch = setTimeout(hangs, hangMs);
    child.once("exit", (code, signal) => finish("crash", `the process ended with ${signal ?? code}`));
    child.once("error", (error) => finish("crash", error.message));
    child.on("message", (received) => {
      const message = received as MutantMessage;
      if (message.kind === "schedule") {
        schedules = message.seed + 1;
        clearTimeout(watch);
        watch = setTimeout(hangs, hangMs);
      } else if (message.kind === "red") finish("killed", message.message, message.invariant);
      else if (message.kind === "crash") finish("crash", message.message);
      else finish("survived", "");
    });
  });
}
