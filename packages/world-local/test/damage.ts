/** Opens damaged copies of a recorded store and judges what the store says about them. */
import { rmSync, writeFileSync } from "node:fs";
import { PerdureError, StoreError } from "@perdure/errors";
import type { RunRecord, World } from "@perdure/world";
import { worldOn } from "../src/local-world.ts";
import { Store } from "../src/store.ts";
import { type Answers, questions, type Recording, settingsFor } from "./recording.ts";

/**
 * How a damaged store met its reader. `whole`: everything as it was acknowledged. `prefix`: everything as it was after an
 * earlier commit. `refused`: it could not be opened, which a typed error says. `told`: it opened, some questions were
 * answered by a typed error or a run that is shown as unreadable, and the rest as it was acknowledged. `silent`: another
 * answer than was ever acknowledged, or answers of different moments. `empty`: a store without anything in it. `untyped`: an
 * error that is not Perdure's.
 */
export type Verdict = "whole" | "prefix" | "refused" | "told" | "silent" | "empty" | "untyped";

interface Finding {
  readonly verdict: Verdict;
  /** What was found, for a person: an error's code, or the question whose answer is wrong. */
  readonly detail: string;
}

/** The files that can be damaged. */
export type Files = Pick<Recording, "main" | "log">;

/** A reply to one question: the answer, or the code of the error that was met. */
type Reply = { readonly answer: string } | { readonly code: string; readonly isTyped: boolean };

const readableCodes: ReadonlySet<string> = new Set(["UNDECODABLE", "UNKNOWN_EVENT"]);

/** Writes the files to the path, opens the store there, asks everything, and judges the replies. */
export async function tryFiles(file: string, { main, log, history }: Recording): Promise<Finding> {
  rmSync(`${file}-shm`, { force: true });
  rmSync(`${file}-wal`, { force: true });
  writeFileSync(file, main);
  if (log !== null) writeFileSync(`${file}-wal`, log);
  let world: World;
  try {
    world = worldOn(await Store.open(settingsFor(file)), false);
  } catch (error) {
    return StoreError.is(error) ? { verdict: "refused", detail: error.code } : untyped("opening", String(error));
  }
  try {
    return judge(await repliesOf(world), history);
  } finally {
    await world.close();
  }
}

async function repliesOf(world: World): Promise<ReadonlyMap<string, Reply>> {
  const replies = new Map<string, Reply>();
  for (const [question, ask] of questions) {
    try {
      replies.set(question, { answer: await ask(world) });
    } catch (error) {
      const isTyped = StoreError.is(error) || (PerdureError.is(error) && readableCodes.has(error.code));
      replies.set(question, { code: isTyped ? error.code : String(error), isTyped });
    }
  }
  return replies;
}

/** The replies must agree with one moment of the history; the later ones are tried first. */
function judge(replies: ReadonlyMap<string, Reply>, history: readonly Answers[]): Finding {
  for (const [question, reply] of replies) {
    if ("code" in reply && !reply.isTyped) return untyped(question, reply.code);
  }
  const back = history.toReversed().findIndex((moment) => [...replies].every((reply) => isExact(reply, moment)));
  if (back !== -1) return { verdict: back === 0 ? "whole" : "prefix", detail: `${back} commits back` };
  let wrong: readonly string[] | null = null;
  for (const moment of history.toReversed()) {
    const mismatched = [...replies].filter(([question, reply]) => !agrees(question, reply, moment)).map(([q]) => q);
    if (mismatched.length === 0) return { verdict: "told", detail: "" };
    if (wrong === null || mismatched.length < wrong.length) wrong = mismatched;
  }
  const isEmpty = [...replies].every(([question, reply]) => "answer" in reply && isNothing(question, reply.answer));
  return { verdict: isEmpty ? "empty" : "silent", detail: (wrong ?? []).join(", ") };
}

const isExact = ([question, reply]: readonly [string, Reply], moment: Answers): boolean =>
  "answer" in reply && reply.answer === moment.get(question);

/** An error answers for itself; a run that is shown as parked because it is unreadable may look like anything else. */
function agrees(question: string, reply: Reply, moment: Answers): boolean {
  if ("code" in reply) return true;
  const expected = moment.get(question);
  if (expected === undefined || reply.answer === expected) return reply.answer === expected;
  if (question.startsWith("run ")) return isUnreadable(JSON.parse(reply.answer));
  return question === "list" && listAgrees(JSON.parse(reply.answer), JSON.parse(expected));
}

const isNothing = (question: string, answer: string): boolean =>
  question === "incarnation" || ["", "null", "[]"].includes(answer);

function listAgrees(found: readonly RunRecord[], expected: readonly RunRecord[]): boolean {
  const readable = found.filter((run) => !isUnreadable(run)).map((run) => JSON.stringify(run));
  const known = new Set(expected.map((run) => JSON.stringify(run)));
  return found.length === expected.length && readable.every((run) => known.has(run));
}

const isUnreadable = (run: RunRecord | null): boolean => run?.parked?.reason === "undecodable";

const untyped = (question: string, error: string): Finding => ({ verdict: "untyped", detail: `${question}: ${error}` });

/** How many trials ended in which way, for one line of a report. */
export class Tally {
  readonly counts = new Map<Verdict, number>();
  readonly bad: string[] = [];

  add(trial: string, { verdict, detail }: Finding, expected: readonly Verdict[]): void {
    this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + 1);
    if (!expected.includes(verdict)) this.bad.push(`${trial}: ${verdict} (${detail})`);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  toString(): string {
    return [...this.counts].map(([verdict, count]) => `${verdict} ${count}`).join(", ");
  }
}
