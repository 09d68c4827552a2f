/** A campaign: many executions over some processes, what they found, and the figures. */
import type { DefectName } from "./deliberate-defects.ts";
import { type ReaderEnd, runReader } from "./fuzz-process.ts";
import { type Rule, timeLimit } from "./judge.ts";
import type { ReaderMessage } from "./process-messages.ts";
import { emptyTally, merge, type Tally } from "./tally.ts";

/** What a campaign is to do. */
export interface CampaignOptions {
  readonly seed: number;
  readonly executions: number;
  /** Index of the first execution; default 0. */
  readonly first?: number;
  readonly workers: number;
  /** Milliseconds after which an execution is ended as a hang. */
  readonly hangMs: number;
  readonly defect?: DefectName;
  /** The campaign ends early after this many findings. */
  readonly maxFindings: number;
  readonly onFinding?: (finding: Finding) => void;
  /** Ends the campaign early, with the figures so far. */
  readonly signal?: AbortSignal;
}

/** One execution that broke a rule. */
export interface Finding {
  readonly seed: number;
  readonly index: number;
  readonly rule: Rule;
  readonly found: string;
}

/** What a campaign did. */
export interface CampaignResult {
  readonly tally: Tally;
  readonly findings: readonly Finding[];
  /** Executions that were run, those with findings included. */
  readonly executed: number;
  readonly hangs: number;
  /** Executions that were slow beside others, and quick enough alone. */
  readonly acquitted: number;
}

/** How many executions a process is given at most: enough to start it for, few enough to share the rest. */
const chunkMax = 25_000;

/** Runs the campaign. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const campaign = new Campaign(options);
  await Promise.all(Array.from({ length: options.workers }, () => campaign.work()));
  return campaign.result();
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #tally = emptyTally();
  readonly #findings: Finding[] = [];
  readonly #end: number;
  readonly #chunkSize: number;
  #next: number;
  #executed = 0;
  #hangs = 0;
  #acquitted = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#next = options.first ?? 0;
    this.#end = this.#next + options.executions;
    this.#chunkSize = Math.min(chunkMax, Math.ceil(options.executions / options.workers));
  }

  result(): CampaignResult {
    const findings = this.#findings.toSorted((left, right) => left.index - right.index);
    return { tally: this.#tally, findings, executed: this.#executed, hangs: this.#hangs, acquitted: this.#acquitted };
  }

  /** Takes range after range until none is left. */
  async work(): Promise<void> {
    while (this.#next < this.#end && !this.#isEnough()) {
      const from = this.#next;
      const to = Math.min(this.#end, from + this.#chunkSize);
      this.#next = to;
      await this.#runRange(from, to);
    }
  }

  #isEnough(): boolean {
    return this.#findings.length >= this.#options.maxFindings || this.#options.signal?.aborted === true;
  }

  async #runRange(from: number, to: number): Promise<void> {
    const slow: number[] = [];
    let start = from;
    while (start < to && !this.#isEnough()) {
      const end = await this.#runReader(start, to, false, (message) => {
        if (message.type === "violation") this.#report(message.index, message.rule, message.found);
        else if (message.type === "slow") slow.push(message.index);
        else merge(this.#tally, message.tally);
        return this.#isEnough() ? "stop" : "go on";
      });
      const stop = end.kind === "done" ? to : end.index;
      this.#executed += stop - start;
      start = stop;
      if (end.kind === "stopped" || this.#isEnough()) return;
      if (end.kind === "done") continue;
      await this.#judgeAlone(end.index);
      this.#executed++;
      start++;
    }
    for (const index of slow) {
      if (!this.#isEnough()) await this.#judgeAlone(index);
    }
  }

  #runReader(
    from: number,
    to: number,
    alone: boolean,
    onMessage: (message: ReaderMessage) => "go on" | "stop",
  ): Promise<ReaderEnd> {
    const { seed, hangMs, defect = null } = this.#options;
    return runReader({ seed, from, to, defect, alone }, hangMs, onMessage);
  }

  /** Runs an execution that was slow, or ended its process, once more in a fresh one. */
  async #judgeAlone(index: number): Promise<void> {
    let isFound = false;
    const end = await this.#runReader(index, index + 1, true, (message) => {
      if (message.type === "tally") return "go on";
      isFound = true;
      if (message.type === "violation") this.#report(index, message.rule, message.found);
      else
        this.#report(
          index,
          "time",
          `${Math.round(message.ms)} ms (the limit is ${Math.round(timeLimit(message.bytes))})`,
        );
      return "go on";
    });
    if (end.kind === "hang") {
      this.#hangs++;
      this.#report(index, "time", `it hangs: no end after ${this.#options.hangMs} ms`);
    } else if (end.kind === "memory") this.#report(index, "memory", "it does not fit into a heap of 128 MB");
    else if (end.kind === "broken") this.#report(index, "typed error", `the process breaks: ${end.output}`);
    else if (!isFound) this.#acquitted++;
  }

  #report(index: number, rule: Rule, found: string): void {
    const finding = { seed: this.#options.seed, index, rule, found };
    this.#findings.push(finding);
    this.#options.onFinding?.(finding);
  }
}
