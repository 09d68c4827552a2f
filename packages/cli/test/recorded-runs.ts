/** A world in memory with runs in every state that the command line shows, under a clock that stands still. */
import { dehydrate } from "@perdure/serde";
import type { NewDecision, NewFact, World } from "@perdure/world";
import { createMemoryWorld } from "@perdure/world/memory";

/** Run ids, by what has become of the run. */
export const ids = {
  completed: "wrun_01JD4T0000000000000000000A",
  parked: "wrun_01JD4T0000000000000000000B",
  pending: "wrun_01JD4T0000000000000000000C",
  unknown: "wrun_01JD4T0000000000000000000Z",
} as const;

const step = "step_01JD4T00000000000000000001";
const wait = "wait_01JD4T00000000000000000002";

/** 2026-01-02T03:04:05.000Z. */
const start = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A memory world and its clock. */
export interface RecordedWorld {
  readonly world: World;
  /** How often the world was closed. */
  readonly closedCount: () => number;
}

/** `completed` has a retried step and a sleep; `parked` diverged; `pending` was started and never taken up. */
export async function recordedWorld(): Promise<RecordedWorld> {
  let now = start;
  let closed = 0;
  const world = createMemoryWorld({ env: { now: () => now, setTimer: () => () => undefined } });
  await create(world, ids.completed, "order-42");
  const epoch = await claim(world);
  const append = async (n: number, facts: readonly NewFact[], decisions: readonly NewDecision[]): Promise<void> => {
    const request = { by: "driver", epoch, n, ifTail: null, after: 0, facts, decisions, release: null } as const;
    const result = await world.log.append(ids.completed, request);
    if (result.kind !== "appended") throw new Error(JSON.stringify(result));
  };
  await append(1, [fact("run_started", null, {})], [stepCreated(2)]);
  now += 20;
  await append(2, [fact("step_retrying", step, { attempt: 2, retryAt: now + 1000 }, "boom")], []);
  now += 1500;
  await append(3, [fact("step_completed", step, { attempt: 2, delivery: 1 }, { paid: 99 })], [sleepCreated(5)]);
  now += 3_600_000;
  await append(4, [fact("wait_completed", wait, {})], [completed(7)]);
  await create(world, ids.parked, null);
  const parkedEpoch = await claim(world);
  await world.park(ids.parked, parkedEpoch, {
    reason: "diverged",
    detail: "expected charge #1\nfound \u001b[31mrefund #1",
    position: 3,
  });
  now += 1000;
  await create(world, ids.pending, null);
  const close = async (): Promise<void> => {
    closed += 1;
  };
  return { world: { ...world, close }, closedCount: () => closed };

  function stepCreated(cause: number): NewDecision {
    const data = {
      stepId: "step//./src/orders//charge",
      name: "charge",
      ordinal: 2,
      inputDigest: "1:00",
      shape: "(order)",
      dispatch: "inline",
      attempt: 1,
    } as const;
    return {
      type: "step_created",
      correlationId: step,
      at: now,
      cause,
      data,
      payload: dehydrate([{ card: "4111" }], "x"),
    };
  }

  function sleepCreated(cause: number): NewDecision {
    const data = { ordinal: 1, durationMs: 3_600_000, resumeAt: null };
    return { type: "wait_created", correlationId: wait, at: now, cause, data, payload: null };
  }

  function completed(cause: number): NewDecision {
    return { type: "run_completed", correlationId: null, at: now, cause, data: {}, payload: dehydrate("done", "x") };
  }
}

function fact(type: NewFact["type"], correlationId: string | null, data: object, value?: unknown): NewFact {
  const payload = value === undefined ? null : dehydrate(value, "x");
  // The union of facts cannot be narrowed by a plain string; the callers above pair type and data.
  return { type, correlationId, at: null, data, payload } as unknown as NewFact;
}

async function create(world: World, runId: string, key: string | null): Promise<void> {
  const created = {
    specVersion: 1,
    guestAbi: 1,
    bundleId: "bndl_1",
    workflowId: "workflow//./src/orders//checkout",
    workflowName: "checkout",
    seed: "5e".repeat(32),
    isolation: "shared",
    locale: "en-US",
    timeZone: "UTC",
    node: "24.10.0",
    icu: "77.1",
    key,
    parentRunId: null,
    rootRunId: runId,
    trace: null,
    inputDigest: "1:00",
  } as const;
  await world.runs.create({ runId, created, input: dehydrate([{ order: 42 }], "x"), eager: null });
}

async function claim(world: World): Promise<number> {
  const worker = { id: "wrkr_1", leaseMs: 10_000, workflows: ["workflow//./src/orders//checkout"] };
  await world.claims.heartbeat(worker);
  const { runs } = await world.claims.claim({ worker, max: 1 });
  const [claimed] = runs;
  if (claimed === undefined) throw new Error("nothing was claimed");
  return claimed.epoch;
}
