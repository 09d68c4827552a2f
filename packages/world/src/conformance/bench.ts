import { deepEqual, equal, ok } from "node:assert/strict";
import type { AppendResult, RefusalReason } from "../append.ts";
import type { LogEvent } from "../events.ts";
import type { RunRecord } from "../run-record.ts";
import type { World } from "../world.ts";
import { auditRun, readLog } from "./audit.ts";
import type { WorldFixture } from "./fixture.ts";
import { type CreateParts, createRequest, leaseMs, runStarted, worker, workflowId } from "./requests.ts";
import { TestDriver } from "./test-driver.ts";

/** A case's view of its fixture: names for runs, drivers for them, and the checks that several cases share. */
export class Bench {
  readonly fixture: WorldFixture;
  readonly #runIds: string[] = [];

  constructor(fixture: WorldFixture) {
    this.fixture = fixture;
  }

  get world(): World {
    return this.fixture.world();
  }

  get now(): number {
    return this.fixture.clock.now();
  }

  advance(ms: number): void {
    this.fixture.clock.set(this.now + ms);
  }

  /** A run id that no other run of this case has; later ones are greater. */
  newRunId(): string {
    const runId = `wrun_${String(this.#runIds.length + 1).padStart(26, "0")}`;
    this.#runIds.push(runId);
    return runId;
  }

  /** Create a run as a client does. */
  async create(parts: CreateParts = {}, world: World = this.world): Promise<RunRecord> {
    const result = await world.runs.create(createRequest(this.newRunId(), parts));
    equal(result.kind, "created", `the run was not created: ${JSON.stringify(result)}`);
    ok(result.kind === "created");
    return result.run;
  }

  beat(workerId: string, world: World = this.world): Promise<void> {
    return world.claims.heartbeat(worker(workerId));
  }

  /** Claim one due run for a worker that has just beaten. */
  async claim(workerId: string, world: World = this.world): Promise<TestDriver> {
    await this.beat(workerId, world);
    const { runs } = await world.claims.claim({ worker: worker(workerId), max: 1 });
    const [claimed] = runs;
    ok(claimed !== undefined, `worker ${workerId} found nothing to claim`);
    const { runId } = claimed.run;
    return new TestDriver(world, runId, claimed.epoch, await readLog(world, runId));
  }

  /** The ids of what a worker that has just beaten can claim now. */
  async claimable(workerId: string, max = 1_000, workflows: readonly string[] = [workflowId]): Promise<string[]> {
    await this.beat(workerId);
    const { runs } = await this.world.claims.claim({ worker: worker(workerId, workflows), max });
    return runs.map(({ run }) => run.runId);
  }

  /** Create a run, claim it and start it. */
  async drive(workerId = "w1", parts: CreateParts = {}): Promise<TestDriver> {
    const run = await this.create(parts);
    const driver = await this.claim(workerId);
    equal(driver.runId, run.runId, "the run that was created is the one that is due");
    await driver.facts(runStarted());
    return driver;
  }

  /** Let the lease of every worker that has beaten so far run out. */
  expire(): void {
    this.advance(leaseMs);
  }

  /** Give a claim back, to be woken by outside events only or at `wakeAt`. */
  async rest(driver: TestDriver, wakeAt: number | null = null): Promise<void> {
    const { runId, epoch, tail } = driver;
    equal(await driver.world.claims.release(runId, { epoch, ifTail: tail, wakeAt }), "released");
  }

  async row(runId: string): Promise<RunRecord> {
    const run = await this.world.runs.get(runId);
    ok(run !== null, `there is no run ${runId}`);
    return run;
  }

  log(runId: string): Promise<LogEvent[]> {
    return readLog(this.world, runId);
  }

  async types(runId: string): Promise<string[]> {
    return (await this.log(runId)).map((event) => event.type);
  }

  /** Does something that must leave the run's row and log as they are, and gives its result. */
  async untouched<T>(runId: string, act: () => Promise<T>): Promise<T> {
    const before = [await this.row(runId), await this.log(runId)];
    const result = await act();
    deepEqual([await this.row(runId), await this.log(runId)], before, "what was refused left no trace");
    return result;
  }

  /** Audits every run of the case. */
  async audit(): Promise<void> {
    for (const runId of this.#runIds)
      if ((await this.world.runs.get(runId)) !== null) await auditRun(this.world, runId);
  }
}

/** The reason of an append that must have been refused. */
export function refusal(result: AppendResult): RefusalReason {
  equal(result.kind, "refused", `the append was not refused: ${JSON.stringify(result)}`);
  ok(result.kind === "refused");
  return result.reason;
}
