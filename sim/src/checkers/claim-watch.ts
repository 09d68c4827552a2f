/**
 * What the store answers to drivers, judged beside the row that it answered from: a claim that is gone gives nothing back, parks
 * nothing and starts nothing, no run is given back unseen, and what was acknowledged is in the log.
 */
import type {
  AppendRequest,
  AppendResult,
  ClaimResult,
  DriverAppend,
  NewParked,
  ReleaseRequest,
  RunRecord,
} from "@perdure/world";
import type { Operation } from "../faults/catalogue.ts";
import type { Report } from "../ledger/violation.ts";
import type { SimStore } from "../store/sim-store.ts";

/** A body that runs, as far as claims are concerned. */
interface ClaimedBody {
  readonly runId: string;
  readonly name: string;
  readonly epoch: number | null;
}

/** What a process knows of its claim on a run. */
interface Standing {
  claimed: number;
  fenced: number;
}

/** A worker that was told of a run which it holds has asked what else it holds, at the latest before it claims this often. */
const claimsUncaredMax = 2;

export class ClaimWatch {
  readonly #store: SimStore;
  readonly #report: Report;
  /** By process and run. */
  readonly #standings = new Map<string, Standing>();
  readonly #running = new Set<ClaimedBody>();
  /** By process: the runs that it could not give back because they had moved, and how often it has claimed since. */
  readonly #kept = new Map<string, Map<string, number>>();

  constructor(store: SimStore, report: Report) {
    this.#store = store;
    this.#report = report;
  }

  /** Judges an append; `apply` is the store's. */
  async append(runId: string, request: AppendRequest, apply: () => Promise<AppendResult>): Promise<AppendResult> {
    const before = this.#row(runId);
    const result = await apply();
    if (request.by === "driver") this.#judgeDriver(runId, request, result, before);
    else if (result.kind === "refused" && result.reason.kind === "clock") {
      this.#report("R6", runId, "somebody who chose no clock was refused for it");
    }
    return result;
  }

  /** Judges a release. */
  async release<T>(runId: string, request: ReleaseRequest, apply: () => Promise<T>): Promise<T> {
    const before = this.#row(runId);
    const result = await apply();
    if (result !== "released" || before === undefined) return result;
    if (request.epoch !== before.epoch) {
      this.#report("D1", runId, `epoch ${request.epoch} gave back the run of epoch ${before.epoch}`);
    } else if (before.owner !== null && request.ifTail !== before.tail) {
      this.#report("Q1", runId, `the run was given back at ${request.ifTail}, and its tail was ${before.tail}`);
    } else if (before.owner !== null) this.#judgeIdle(runId, request.epoch);
    return result;
  }

  /** Judges a parking. */
  async park(runId: string, epoch: number, parked: NewParked, apply: () => Promise<boolean>): Promise<boolean> {
    const before = this.#row(runId);
    const accepted = await apply();
    if (accepted && before !== undefined && epoch !== before.epoch) {
      this.#report("D1", runId, `epoch ${epoch} parked the run of epoch ${before.epoch} as ${parked.reason}`);
    }
    return accepted;
  }

  /** The process has learnt which runs are its own. */
  claimed(process: string, result: ClaimResult): void {
    for (const { run, epoch } of result.runs) this.#standing(process, run.runId).claimed = epoch;
  }

  /** The process has learnt what became of the run that it created with a first turn, and so claimed as its first epoch. */
  created(process: string, workerId: string, { runId, owner, epoch }: RunRecord): void {
    if (epoch > 1 || (owner !== null && owner !== workerId)) this.fenced(process, runId, 1);
  }

  /** The process has learnt that a claim is gone. */
  fenced(process: string, runId: string, epoch: number): void {
    const standing = this.#standing(process, runId);
    standing.fenced = Math.max(standing.fenced, epoch);
  }

  /** The process has learnt that the run which it gave back has moved, and so is its own still. */
  toldOfMove(process: string, runId: string, epoch: number): void {
    if (this.newestClaim(process, runId) > epoch) return;
    const kept = this.#kept.get(process) ?? new Map<string, number>();
    this.#kept.set(process, kept.set(runId, 0));
  }

  /** Q1: what a worker holds it drives or gives back, for nobody else can. `runId`: the run that the call is about. */
  sends(process: string, operation: Operation, runId: string | null): void {
    const kept = this.#kept.get(process);
    if (kept === undefined) return;
    if (operation === "poll.held") kept.clear();
    if (runId !== null) kept.delete(runId);
    if (operation !== "claim") return;
    for (const [id, claims] of kept) {
      kept.set(id, claims + 1);
      if (claims === claimsUncaredMax)
        this.#report("Q1", id, `${process} holds the run, and claims others instead of driving it`);
    }
  }

  /** The newest claim on the run that the process has learnt of; 0: none. */
  newestClaim(process: string, runId: string): number {
    return this.#standing(process, runId).claimed;
  }

  /** Whether the process has learnt that the run is claimed as it is. The first claim of an eager start needs no answer. */
  knowsOfClaim(process: string, { runId, epoch }: RunRecord): boolean {
    return epoch === Math.max(1, this.newestClaim(process, runId));
  }

  bodyBegan(body: ClaimedBody): void {
    this.#running.add(body);
  }

  bodyEnded(body: ClaimedBody): void {
    this.#running.delete(body);
  }

  /** Whether the process knows that its newest claim on the run is gone. */
  knowsOfFence(process: string, runId: string): boolean {
    const { claimed, fenced } = this.#standing(process, runId);
    return fenced > 0 && fenced >= claimed;
  }

  #standing(process: string, runId: string): Standing {
    const key = `${process} ${runId}`;
    const known = this.#standings.get(key) ?? { claimed: 0, fenced: 0 };
    this.#standings.set(key, known);
    return known;
  }

  #row(runId: string): RunRecord | undefined {
    return this.#store.run(runId)?.run;
  }

  #judgeDriver(runId: string, request: DriverAppend, result: AppendResult, before: RunRecord | undefined): void {
    if (result.kind !== "appended" || before === undefined) return;
    if (!this.#holds(runId, request)) {
      this.#report("L2", runId, `append ${request.n} of epoch ${request.epoch} was acknowledged and is not in the log`);
    }
    const row = this.#row(runId);
    const isLetGo = before.owner !== null && row?.owner === null && row.endedAt === null;
    if (isLetGo) this.#judgeIdle(runId, request.epoch);
    if (isLetGo && request.after !== before.tail) {
      this.#report("Q1", runId, `an append gave the run back at ${request.after}, and its tail was ${before.tail}`);
    }
  }

  /** S3: nothing of a run that is given back is running. */
  #judgeIdle(runId: string, epoch: number): void {
    const body = [...this.#running].find((it) => it.runId === runId && it.epoch === epoch);
    if (body !== undefined) this.#report("S3", runId, `epoch ${epoch} gave the run back while ${body.name} ran`);
  }

  /** The events of the request stand in the log, in a row, behind the position that its driver knew. */
  #holds(runId: string, { facts, decisions, after, epoch }: DriverAppend): boolean {
    const name = (type: string, id: string | null): string =>
      `${type === "hook_conflict" ? "hook_created" : type} ${id}`;
    const wanted = [...facts, ...decisions].map(({ type, correlationId }) => name(type, correlationId));
    const found = (this.#store.run(runId)?.events ?? [])
      .slice(after)
      .filter((event) => event.epoch === epoch)
      .map(({ type, correlationId }) => name(type, correlationId));
    return found.some((_, start) => wanted.every((text, index) => found[start + index] === text));
  }
}
