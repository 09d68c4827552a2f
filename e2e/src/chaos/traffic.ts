/**
 * The runs as their owners see them: somebody starts them, sends to their hooks, cancels some. Whatever the store acknowledges
 * to one of these clients is written down as a promise. What it leaves unanswered is sent again under the same key.
 */
import { setTimeout as pause } from "node:timers/promises";
import { resumeHook, start, tokenHash } from "@perdure/core";
import type { World } from "@perdure/world";
import { HookNotFoundError, StoreError } from "perdure/errors";
import { Chance } from "perdure-sim/chance";
import { hookTokens } from "perdure-sim/programs";
import type { Ledger } from "../crash/ledger.ts";
import type { Books, RunLine } from "./books.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";
import type { RunOrder } from "./messages.ts";
import type { ChaosProgram } from "./programs.ts";
import type { StreamReaders } from "./stream-readers.ts";
import type { Workforce } from "./workforce.ts";

/** What the store has acknowledged to clients. */
export interface Promises {
  readonly starts: { readonly key: string; readonly runId: string }[];
  readonly payloads: { readonly key: string; readonly runId: string; readonly hookId: string }[];
  readonly cancels: { readonly key: string; readonly runId: string }[];
}

/** Runs that are under way at any time. */
const liveMax = 20;
const tickMs = 100;
/** A worker that was asked to start a run and has not answered is not asked again for so long. */
const startAgainMs = 4_000;
const cancelShare = 0.15;
/** The end of the runs is waited for as long as something happens within this time. */
const patienceMs = 30_000;

export interface TrafficParts {
  readonly seed: number;
  readonly world: World;
  readonly books: Books;
  readonly workforce: Workforce;
  readonly programs: readonly ChaosProgram[];
  readonly readers: StreamReaders;
  readonly ledger: Pick<Ledger<UnsignedChaosEntry>, "write">;
}

interface Order extends RunOrder {
  readonly byWorker: boolean;
  /** Milliseconds after its start; null: it is left alone. */
  readonly cancelAfterMs: number | null;
  askedAt: number;
  startedAt: number;
  runId: string | null;
}

interface Token {
  readonly token: string;
  /** Payloads that were acknowledged. */
  count: number;
  nextAt: number;
  isBusy: boolean;
}

export class Traffic {
  readonly promises: Promises = { starts: [], payloads: [], cancels: [] };
  /** Runs that were parked after five workers in a row were lost over them, and put back by this operator. */
  stalledCount = 0;
  /** Why a call of a client failed that no store is to blame for. */
  readonly failures = new Set<string>();
  readonly #parts: TrafficParts;
  readonly #chance: Chance;
  readonly #orders = new Map<string, Order>();
  readonly #tokens = new Map<string, Token>();
  readonly #errands = new Set<Promise<void>>();
  #ended: ReadonlySet<string> = new Set();
  #isOpen = true;

  constructor(parts: TrafficParts) {
    this.#parts = parts;
    this.#chance = Chance.of(parts.seed, "traffic");
    parts.workforce.onStarted = (key, runId) => this.#started(key, runId);
  }

  get orderCount(): number {
    return this.#orders.size;
  }

  get endedCount(): number {
    return this.#ended.size;
  }

  /** Keeps runs coming until it is told to stop. */
  async flow(until: Promise<unknown>): Promise<void> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    until.then(end, end);
    while (!isOver) {
      await this.#tick();
      await pause(tickMs);
    }
    await until;
  }

  /**
   * No new runs; resolves when all have ended and whoever ordered them has heard of them, or when nothing has happened for a
   * long time. A worker that dies may have started a run and told nobody.
   */
  async settle(): Promise<void> {
    this.#isOpen = false;
    let seen = "";
    for (let at = Date.now(); !this.#isSettled && Date.now() - at < patienceMs; await pause(tickMs)) {
      const lines = await this.#tick();
      const now = `${this.#ended.size} ${this.promises.starts.length} ${lines.reduce((sum, { tail }) => sum + tail, 0)}`;
      if (now !== seen) at = Date.now();
      seen = now;
    }
    const patience = pause(patienceMs, undefined, { ref: false });
    await Promise.all([...this.#errands, Promise.race([this.#parts.readers.settled(), patience])]);
  }

  get #isSettled(): boolean {
    return this.#ended.size === this.#orders.size && [...this.#orders.values()].every(({ runId }) => runId !== null);
  }

  async #tick(): Promise<readonly RunLine[]> {
    const { books } = this.#parts;
    try {
      const [lines, open] = await Promise.all([books.runs(), books.openTokens()]);
      this.#ended = new Set(lines.filter((line) => line.has_ended).map(({ key }) => key));
      for (const { run_id: runId, parked_reason: reason } of lines) if (reason === "stalled") this.#unpark(runId);
      this.#fill();
      this.#cancelDue();
      for (const hash of open) this.#feed(hash);
      this.#glance(lines);
      return lines;
    } catch {
      // The server is down.
      return [];
    }
  }

  #fill(): void {
    while (this.#isOpen && this.#orders.size - this.#ended.size < liveMax) this.#order();
    for (const order of this.#orders.values()) {
      if (order.runId !== null || Date.now() - order.askedAt < startAgainMs) continue;
      if (order.byWorker && !this.#parts.workforce.start(order, this.#chance.next())) continue;
      order.askedAt = Date.now();
      if (!order.byWorker) this.#startAsClient(order);
    }
  }

  #order(): void {
    const number = this.#orders.size;
    const program = this.#chance.int(this.#parts.programs.length);
    const inputs = { tokens: `t${number}`, n: this.#chance.int(100) };
    const found = this.#parts.programs[program];
    const tokens = found === undefined ? [] : hookTokens(found.program, inputs);
    for (const token of tokens) this.#tokens.set(tokenHash(token), { token, count: 0, nextAt: 0, isBusy: false });
    this.#orders.set(`run-${number}`, {
      key: `run-${number}`,
      program,
      inputs,
      byWorker: this.#chance.flag(0.5),
      cancelAfterMs: this.#chance.flag(cancelShare) ? this.#chance.int(3_000) : null,
      askedAt: 0,
      startedAt: 0,
      runId: null,
    });
  }

  #startAsClient(order: Order): void {
    const { world, programs } = this.#parts;
    const { key, inputs } = order;
    const workflowId = programs[order.program]?.module.workflowId ?? "";
    this.#errand(async () => this.#started(key, (await start({ workflowId }, [inputs], { key, world })).runId));
  }

  #started(key: string, runId: string): void {
    this.promises.starts.push({ key, runId });
    const order = this.#orders.get(key);
    if (order === undefined || order.runId !== null) return;
    order.runId = runId;
    order.startedAt = Date.now();
    this.#parts.readers.follow(runId);
  }

  #cancelDue(): void {
    for (const { key, runId, startedAt, cancelAfterMs } of this.#orders.values()) {
      if (runId === null || cancelAfterMs === null || Date.now() - startedAt < cancelAfterMs) continue;
      if (!this.#ended.has(key)) this.#cancel(`cancel-${key}`, runId);
    }
  }

  #cancel(key: string, runId: string): void {
    this.#errand(async () => {
      const data = { reason: "chaos" };
      const fact = { type: "run_cancelled" as const, correlationId: null, at: null, data, payload: null };
      const { kind } = await this.#parts.world.log.append(runId, { by: "outside", key, fact });
      if (kind !== "appended") return;
      this.promises.cancels.push({ key, runId });
      this.#parts.ledger.write({ kind: "end", run: runId });
    });
  }

  /** Looks into a stream of one of the newest runs. */
  #glance(lines: readonly RunLine[]): void {
    const newest = [...this.#orders.values()].slice(-liveMax).flatMap(({ runId }) => (runId === null ? [] : [runId]));
    const [first, ...others] = newest;
    if (lines.length === 0 || first === undefined) return;
    const runId = this.#chance.pick([first, ...others]);
    this.#errand(() => this.#parts.readers.glance(runId));
  }

  #feed(hash: string): void {
    const entry = this.#tokens.get(hash);
    if (entry === undefined || entry.isBusy || Date.now() < entry.nextAt) return;
    const { token, count } = entry;
    const key = `${token}/${count}`;
    entry.isBusy = true;
    this.#errand(async () => {
      try {
        const { runId, hookId } = await resumeHook(
          token,
          { n: count },
          { world: this.#parts.world, idempotencyKey: key },
        );
        this.promises.payloads.push({ key, runId, hookId });
        entry.count += 1;
        entry.nextAt = Date.now() + entry.count * tickMs;
      } finally {
        entry.isBusy = false;
      }
    });
  }

  #unpark(runId: string): void {
    this.stalledCount += 1;
    this.#errand(async () => void (await this.#parts.world.unpark(runId)));
  }

  /** What a store does not answer is asked for again at one of the next ticks. */
  #errand(call: () => Promise<void>): void {
    const errand = call().catch((error: unknown) => {
      if (StoreError.is(error) || HookNotFoundError.is(error)) return;
      this.failures.add(String(error));
    });
    this.#errands.add(errand);
    void errand.then(() => this.#errands.delete(errand));
  }
}
