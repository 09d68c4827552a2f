/** One run without a store: its row, its fold and its log, moved by the rules alone. */
import {
  type AppendVerdict,
  admitCreate,
  admitDriverAppend,
  admitExecutorAppend,
  admitOutsideAppend,
} from "../src/admit.ts";
import type { DriverAppend, ExecutorAppend, OutsideAppend } from "../src/append.ts";
import { takeOver } from "../src/claim-rules.ts";
import { type CreateParts, createRequest, type DecisionDraft, runStarted } from "../src/conformance/requests.ts";
import { isFactType, type LogEvent, type NewFact } from "../src/events.ts";
import type { RunRecord } from "../src/run-record.ts";
import { RunView } from "../src/run-view.ts";
import { type JobDelivery, jobAtWork, jobChanges, reportedDelivery, type StepJob, takeJob } from "../src/step-jobs.ts";

const startOfTime = 1_000_000;

export interface PureParts {
  readonly facts?: readonly NewFact[];
  readonly decisions?: readonly DecisionDraft[];
  readonly ifTail?: number | null;
  readonly after?: number;
  readonly release?: { readonly wakeAt: number | null } | null;
}

export class PureRun {
  now = startOfTime;
  run: RunRecord;
  readonly view = RunView.empty();
  readonly log: LogEvent[] = [];
  /** Tokens that other runs hold, by hash. */
  /** The jobs of the run, by correlation id. */
  readonly jobs = new Map<string, StepJob>();
  readonly foreignTokens = new Map<string, string>();
  #n = 0;

  /** A run as a client creates it. */
  constructor(parts: CreateParts = {}) {
    const verdict = admitCreate(createRequest("wrun_1", parts), "default", this.context, this.view);
    if (verdict.kind !== "admitted") throw new Error(`the run was not created: ${JSON.stringify(verdict)}`);
    this.run = verdict.run;
    this.#write(verdict);
  }

  /** A run that is claimed and has started. */
  static started(): PureRun {
    const pure = new PureRun();
    pure.claim("w1");
    pure.must({ facts: [runStarted()] });
    return pure;
  }

  get context() {
    return { storeNow: this.now, tokenOwner: (hash: string) => this.#tokenOwner(hash) };
  }

  get cause(): { readonly position: number; readonly at: number } {
    return this.log.findLast(({ type }) => isFactType(type)) ?? { position: 0, at: 0 };
  }

  claim(workerId: string): void {
    this.run = takeOver(this.run, workerId, this.now).run;
    this.#n = 0;
  }

  request(parts: PureParts): DriverAppend {
    this.#n += 1;
    const { facts = [], ifTail = null, after = this.run.tail, release = null } = parts;
    const decisions = (parts.decisions ?? []).map((draft) => draft(this.cause));
    return { by: "driver", epoch: this.run.epoch, n: this.#n, ifTail, after, facts, decisions, release };
  }

  send(request: DriverAppend): AppendVerdict {
    return this.#write(admitDriverAppend(this.run, this.view, request, this.context));
  }

  append(parts: PureParts): AppendVerdict {
    return this.send(this.request(parts));
  }

  /** Appends what must be admitted. */
  must(parts: PureParts): readonly LogEvent[] {
    const verdict = this.append(parts);
    if (verdict.kind !== "admitted") throw new Error(`not admitted: ${JSON.stringify(verdict)}`);
    return verdict.events;
  }

  outside(request: OutsideAppend): AppendVerdict {
    return this.#write(admitOutsideAppend(this.run, this.view, request, this.#keyedContext(request.key)));
  }

  executor(request: ExecutorAppend): AppendVerdict {
    const job = jobAtWork(this.jobs.get(request.fact.correlationId ?? ""));
    const context = { ...this.#keyedContext(request.key), job };
    return this.#write(admitExecutorAppend(this.run, this.view, request, context), reportedDelivery(request));
  }

  #keyedContext(sent: string) {
    const writtenBefore = this.log.find(({ key }) => key === sent)?.position ?? null;
    return { ...this.context, writtenBefore };
  }

  #tokenOwner(hash: string): string | null {
    for (const [, entity] of this.view.entities()) {
      if (entity.kind === "hook" && entity.state === "open" && entity.tokenHash === hash) return this.run.runId;
    }
    return this.foreignTokens.get(hash) ?? null;
  }

  /** Let a worker take the job of a step. */
  take(correlationId: string, workerId: string): void {
    const job = this.jobs.get(correlationId);
    if (job !== undefined) this.jobs.set(correlationId, takeJob(job, workerId));
  }

  #write<V extends AppendVerdict>(verdict: V, reported: JobDelivery | null = null): V {
    if (verdict.kind === "admitted") {
      const changes = jobChanges(verdict, reported);
      if (changes.droppedAll) this.jobs.clear();
      for (const { correlationId } of changes.done) this.jobs.delete(correlationId);
      for (const job of [...changes.added, ...changes.retried.map(({ next }) => next)]) {
        this.jobs.set(job.correlationId, job);
      }
      this.log.push(...verdict.events);
      this.view.absorb(verdict.fork);
      this.run = verdict.run;
    }
    return verdict;
  }
}

/** Everything that a view knows, as plain data to compare. */
export function snapshot(view: RunView): unknown {
  const { tail, lastAt, lastFact, status } = view;
  return { tail, lastAt, lastFact, status, entities: [...view.entities()].map(([id, entity]) => [id, { ...entity }]) };
}
