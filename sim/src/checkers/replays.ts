/**
 * R1 to R6: a log gives the same decisions however it is read. Each log is read event by event, from cuts of chance, in
 * chunks, with and without a memo, in the shared realm and in one of its own, and the decisions of every prefix are compared
 * with those that the log goes on to hold.
 */
import { Execution, type HeldBundle, HydrationMemo } from "@perdure/core/simulation";
import { type IsolationMode, isDecisionType, type LogEvent, type NewDecision } from "@perdure/world";
import type { Chance } from "../kernel/chance.ts";
import type { ReplayRealms } from "./replay-realms.ts";

/** A log and the code that wrote it. */
export interface Recorded {
  readonly runId: string;
  readonly log: readonly LogEvent[];
  readonly bundle: HeldBundle;
  readonly realms: ReplayRealms;
}

/** How often the log was replayed, and what differed; null: nothing. */
export interface ReplayVerdict {
  readonly replays: number;
  /** What the workflow code writes to its console. */
  readonly lines: readonly string[];
  readonly difference: { readonly invariant: string; readonly message: string } | null;
}

/** How often a replay is cut in two at a position of chance. */
const cutsPerLog = 2;

/** Reads the log back in every way; in a realm of its own, which is slow to make, where that is asked for. */
export function judgeReplays(recorded: Recorded, chance: Chance, withOwnRealm: boolean): ReplayVerdict {
  const { log } = recorded;
  const whole = readBack(recorded, { isolation: "shared", memo: true, cuts: [log.length] });
  const { lines } = whole;
  let replays = 1;
  const fault = whole.fault ?? (leavesNothing(log) && whole.planned > 0 ? `${whole.planned} decisions too many` : null);
  if (fault !== null) return { replays, lines, difference: { invariant: "R1", message: `cold replay: ${fault}` } };
  if (leavesNothing(log) && whole.hasNewLines) {
    return {
      replays,
      lines,
      difference: { invariant: "R8", message: "the replay of a whole run has lines that are new" },
    };
  }
  const prefix = differingPrefix(recorded);
  replays += 1;
  if (prefix !== null) return { replays, lines, difference: { invariant: "R3", message: prefix } };
  const cut = (): number => 1 + chance.int(log.length);
  const ways: readonly ReadOptions[] = [
    ...Array.from({ length: withOwnRealm ? cutsPerLog : 1 }, (_, index) => ({
      isolation: "shared" as const,
      memo: index % 2 === 0,
      cuts: [cut()],
    })),
    { isolation: "shared", memo: false, cuts: [cut(), cut(), cut(), cut()] },
    ...(withOwnRealm ? [{ isolation: "run" as const, memo: chance.flag(0.5), cuts: [cut()] }] : []),
  ];
  for (const way of ways) {
    const read = readBack(recorded, way);
    replays += 1;
    const differs = read.fault ?? (read.text === whole.text ? null : "console lines or plans differ");
    if (differs !== null) {
      const message = `${way.isolation} realm, ${way.memo ? "with" : "without"} memo, cut at ${way.cuts}: ${differs}`;
      return { replays, lines, difference: { invariant: "R5", message } };
    }
  }
  return { replays, lines, difference: null };
}

interface ReadOptions {
  readonly isolation: IsolationMode;
  readonly memo: boolean;
  /** Positions after which a new call goes on. */
  readonly cuts: readonly number[];
}

interface ReadResult {
  readonly fault: string | null;
  readonly planned: number;
  readonly lines: readonly string[];
  /** Console lines and what is planned beyond the log. */
  readonly text: string;
  /** Some of the lines are told to be of deliveries that no earlier execution made. */
  readonly hasNewLines: boolean;
}

function readBack(recorded: Recorded, { isolation, memo, cuts }: ReadOptions): ReadResult {
  const { log } = recorded;
  const execution = open(recorded, isolation, memo);
  const ends = [...new Set([...cuts, log.length])].sort((a, b) => a - b);
  let fault: string | null = null;
  let from = 1;
  for (const end of ends) {
    const found = end > from ? execution.consume(log.slice(from, end)) : null;
    if (found !== null && fault === null) fault = `${found.reason}: ${found.detail}`;
    from = Math.max(from, end);
  }
  const planned = execution.planned();
  const written = execution.takeConsole();
  execution.dispose();
  const lines = written.map((line) => line.text);
  const hasNewLines = written.some((line) => !line.replayed);
  return {
    fault,
    planned: planned.length,
    lines,
    hasNewLines,
    text: [...lines, ...planned.map(decisionText)].join("\n"),
  };
}

/** R3: goes through the log event by event, and compares what is planned at each prefix with what the log goes on to hold. */
function differingPrefix(recorded: Recorded): string | null {
  const { log } = recorded;
  const decisions = decisionsOf(log);
  const complete = leavesNothing(log);
  const execution = open(recorded, "shared", true);
  try {
    for (const event of log.slice(1)) {
      const fault = execution.consume([event]);
      if (fault !== null) return `at position ${event.position}: ${fault.reason}: ${fault.detail}`;
      const expected = decisionsAfter(decisions, event.position);
      const planned = execution.planned().map(decisionText);
      const compared = complete ? planned : planned.slice(0, expected.length);
      if (compared.join("\n") !== expected.join("\n")) {
        return `the prefix of ${event.position} plans\n${compared.join("\n")}\nand the log goes on with\n${expected.join("\n")}`;
      }
    }
    return null;
  } finally {
    execution.dispose();
  }
}

function open({ runId, log, bundle, realms }: Recorded, isolation: IsolationMode, memo: boolean): Execution {
  const created = log[0];
  if (created?.type !== "run_created") throw new Error(`the log of ${runId} does not begin with run_created`);
  const realm = realms.get(bundle, isolation);
  return Execution.open({ runId, created, realm, memo: memo ? new HydrationMemo() : null });
}

/** The code itself ended the run, so everything that it ever decided is in the log. */
function leavesNothing(log: readonly LogEvent[]): boolean {
  const type = log.at(-1)?.type;
  return type === "run_completed" || type === "run_failed";
}

interface Decision {
  readonly position: number;
  readonly cause: number;
  readonly text: string;
}

/** The decisions of a log. A conflict stands for the creation in whose place it is. */
function decisionsOf(log: readonly LogEvent[]): readonly Decision[] {
  return log
    .filter(({ type }) => isDecisionType(type) || type === "hook_conflict")
    .map((event) => ({ position: event.position, cause: event.cause ?? 0, text: decisionText(event) }));
}

/** Those that stand after a prefix and follow from it. */
function decisionsAfter(decisions: readonly Decision[], prefix: number): readonly string[] {
  return decisions.filter(({ position, cause }) => position > prefix && cause <= prefix).map(({ text }) => text);
}

/** Who runs the bodies of a step is the host's to say, and no decision of the code. */
const inline = { dispatch: "inline" } as const;

/** What is compared of a decision: everything but where it stands and what the host and the store filled in. */
function decisionText(decision: NewDecision | LogEvent): string {
  const { type, correlationId, at, cause, data, payload } = decision as LogEvent;
  if (type === "hook_conflict") return JSON.stringify(["hook_created", correlationId, cause]);
  if (type === "hook_created") return JSON.stringify([type, correlationId, cause]);
  const shown = { ...data, ...(type === "wait_created" && { resumeAt: null }), ...(type === "step_created" && inline) };
  const bytes = payload === null ? null : Buffer.from(payload).toString("base64");
  return JSON.stringify([type, correlationId, at, cause, shown, bytes]);
}
