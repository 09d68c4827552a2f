import { equal } from "node:assert/strict";
import type { Appended, AppendResult, DriverAppend } from "../append.ts";
import { isFactType, type LogEvent, type NewDecision, type NewFact } from "../events.ts";
import type { World } from "../world.ts";
import type { DecisionDraft } from "./requests.ts";

export interface AppendParts {
  readonly facts?: readonly NewFact[];
  readonly decisions?: readonly DecisionDraft[];
  readonly ifTail?: number | null;
  readonly after?: number;
  readonly release?: { readonly wakeAt: number | null } | null;
}

/** A driver without a workflow: it holds a claim, and appends what a case tells it to. */
export class TestDriver {
  readonly world: World;
  readonly runId: string;
  readonly epoch: number;
  /** The log as far as this driver has seen it. */
  readonly log: LogEvent[];
  /** The last request that was sent, for a case that sends it again. */
  sent: DriverAppend | null = null;
  #n: number;

  constructor(world: World, runId: string, epoch: number, log: readonly LogEvent[], n = 0) {
    this.world = world;
    this.runId = runId;
    this.epoch = epoch;
    this.log = [...log];
    this.#n = n;
  }

  get tail(): number {
    return this.log.length;
  }

  /** The newest fact that this driver has seen. */
  get cause(): { readonly position: number; readonly at: number } {
    return this.log.findLast((event) => isFactType(event.type)) ?? { position: 0, at: 0 };
  }

  /** The next request. Decisions name the last fact of the request with a clock, else the newest one in the log. */
  request(parts: AppendParts): DriverAppend {
    this.#n += 1;
    const facts = parts.facts ?? [];
    const newest = facts.at(-1);
    const speculative = newest?.at ?? null;
    const cause = speculative === null ? this.cause : { position: this.tail + facts.length, at: speculative };
    const decisions: NewDecision[] = (parts.decisions ?? []).map((draft) => draft(cause));
    const { ifTail = null, after = this.tail, release = null } = parts;
    return { by: "driver", epoch: this.epoch, n: this.#n, ifTail, after, facts, decisions, release };
  }

  /** Append whatever the outcome is; what the reply shows of the log becomes this driver's. */
  async try(parts: AppendParts): Promise<AppendResult> {
    return this.send(this.request(parts));
  }

  async send(request: DriverAppend): Promise<AppendResult> {
    this.sent = request;
    const result = await this.world.log.append(this.runId, request);
    if (result.kind === "appended" || result.kind === "moved") this.learn(result.events);
    return result;
  }

  /** Append facts and decisions that must be written. */
  async append(parts: AppendParts): Promise<Appended> {
    return written(await this.try(parts));
  }

  async facts(...facts: readonly NewFact[]): Promise<Appended> {
    return this.append({ facts });
  }

  async decide(...decisions: readonly DecisionDraft[]): Promise<Appended> {
    return this.append({ decisions });
  }

  /** Read what is new in the log. */
  async catchUp(): Promise<void> {
    this.learn(await this.world.log.read(this.runId, { after: this.tail, limit: 1_000_000 }));
  }

  learn(events: readonly LogEvent[]): void {
    for (const event of events) if (event.position === this.tail + 1) this.log.push(event);
  }
}

/** The answer of an append that must have been written. */
export function written(result: AppendResult): Appended {
  equal(result.kind, "appended", `the append was not written: ${JSON.stringify(result)}`);
  return result as Appended;
}
