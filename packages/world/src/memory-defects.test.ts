/**
 * The conformance suite is only worth what it catches. Each defect here is one that a backend could really have, made by
 * hand in a memory world; the suite must fail on it, and it must not fail without it.
 */
import { afterAll, describe, expect, test } from "vitest";
import { openMemoryFixture } from "../test/memory-fixture.ts";
import type { AppendRequest, AppendResult, DriverAppend } from "./append.ts";
import { conformanceGroups, runCase, type StoreClock } from "./conformance/test-world.ts";
import type { LogEvent } from "./events.ts";
import type { MemorySpace, StoredRun } from "./memory/memory-space.ts";
import type { MemoryStore } from "./memory-world.ts";
import { isEnded, type RunRecord } from "./run-record.ts";
import { streamWriterId } from "./stream-rules.ts";
import type { WorldStreams } from "./streams.ts";
import type { CreateRequest, World, WorldClaims, WorldLog, WorldRuns, WorldSteps } from "./world.ts";

type Append = WorldLog["append"];
type Defect = (world: World, space: MemorySpace, clock: StoreClock) => World;

const withAppend = (world: World, change: (append: Append) => Append): World => ({
  ...world,
  log: { ...world.log, append: change((runId, request) => world.log.append(runId, request)) },
});

const withRuns = (world: World, runs: Partial<WorldRuns>): World => ({ ...world, runs: { ...world.runs, ...runs } });

const withClaims = (world: World, claims: Partial<WorldClaims>): World => ({
  ...world,
  claims: { ...world.claims, ...claims },
});

const withStreams = (world: World, streams: Partial<WorldStreams>): World => ({
  ...world,
  streams: { ...world.streams, ...streams },
});

const withSteps = (world: World, steps: Partial<WorldSteps>): World => ({
  ...world,
  steps: { ...world.steps, ...steps },
});

/** Changes a row behind the rules' back. */
function patch(space: MemorySpace, runId: string, change: (run: RunRecord) => Partial<RunRecord>): void {
  const stored = space.runs.get(runId);
  if (stored !== undefined) space.setRun(stored, { ...stored.run, ...change(stored.run) });
}

/** Writes an event behind the rules' back. */
function force(stored: StoredRun, event: Partial<LogEvent>): AppendResult {
  const { run } = stored;
  const position = run.tail + 1;
  const common = {
    position,
    at: run.lastAt,
    committedAt: run.lastAt,
    cause: null,
    epoch: null,
    key: null,
    payload: null,
  };
  const whole = { ...common, ...event } as LogEvent;
  stored.events.push(whole);
  Object.assign(stored, { run: { ...run, tail: position } });
  return { kind: "appended", events: [whole], tail: position, storeNow: run.lastAt, released: false };
}

const isDriver = (request: AppendRequest): request is DriverAppend => request.by === "driver";

const defects: Readonly<Record<string, Defect>> = {
  "the epoch is not checked": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      const epoch = space.runs.get(runId)?.run.epoch ?? 0;
      return append(runId, isDriver(request) ? { ...request, epoch } : request);
    }),
  "a second completion of a step is taken": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      const stored = space.runs.get(runId);
      const fact = isDriver(request) ? request.facts.at(-1) : undefined;
      if (result.kind !== "refused" || fact?.type !== "step_completed" || stored === undefined) return result;
      return stored.view.entityOf("step", fact.correlationId)?.state === "done"
        ? force(stored, fact as LogEvent)
        : result;
    }),
  "the tail is not compared": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      const compared = isDriver(request) && request.ifTail !== null;
      const tail = space.runs.get(runId)?.run.tail ?? 0;
      return append(runId, compared ? { ...request, ifTail: tail } : request);
    }),
  "the end of a run is checked before repetition": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const ended = space.runs.get(runId)?.run.endedAt ?? null;
      return ended === null ? append(runId, request) : { kind: "refused", reason: { kind: "terminal" } };
    }),
  "a wait completes early": (world, _space, clock) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      if (result.kind !== "refused" || result.reason.kind !== "early") return result;
      const now = clock.now();
      clock.set(now + 10_000);
      const second = await append(runId, request);
      clock.set(now);
      return second;
    }),
  "the end of a run does not free its tokens": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const held = [...space.tokens].filter(([, hook]) => hook.runId === runId);
      const result = await append(runId, request);
      if (space.runs.get(runId)?.run.endedAt != null) for (const [token, hook] of held) space.tokens.set(token, hook);
      return result;
    }),
  "a cancellation is taken after the run completed": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const stored = space.runs.get(runId);
      if (isDriver(request) || request.fact.type !== "run_cancelled" || stored?.run.status !== "completed") {
        return append(runId, request);
      }
      return force(stored, request.fact as LogEvent);
    }),
  "a takeover does not raise the epoch": (world, space) =>
    withClaims(world, {
      async claim(request) {
        const before = new Map([...space.runs].map(([runId, { run }]) => [runId, run]));
        const result = await world.claims.claim(request);
        const runs = result.runs.map((claimed) => {
          const old = before.get(claimed.run.runId);
          if (old === undefined || old.owner === null) return claimed;
          patch(space, old.runId, () => ({ epoch: old.epoch }));
          return { run: { ...claimed.run, epoch: old.epoch }, epoch: old.epoch };
        });
        return { ...result, runs };
      },
    }),
  "a refused append leaves its first events behind": (world) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      if (!isDriver(request) || result.kind !== "refused") return result;
      if (request.facts.length > 0)
        await append(runId, { ...request, facts: request.facts.slice(0, 1), decisions: [] });
      else await append(runId, { ...request, decisions: request.decisions.slice(0, 1) });
      return result;
    }),
  "a key can name two runs": (world, space) =>
    withRuns(world, {
      create(request) {
        if (request.created.key !== null) space.keys.delete(request.created.key);
        return world.runs.create(request);
      },
    }),
  "an outside event does not wake its run": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const wakeAt = space.runs.get(runId)?.run.wakeAt ?? null;
      const result = await append(runId, request);
      if (!isDriver(request)) patch(space, runId, () => ({ wakeAt }));
      return result;
    }),
  "a result wakes no run": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const wakeAt = space.runs.get(runId)?.run.wakeAt ?? null;
      const result = await append(runId, request);
      if (request.by === "executor") patch(space, runId, () => ({ wakeAt }));
      return result;
    }),
  "a result of a lost delivery is taken from an executor": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      const stored = space.runs.get(runId);
      if (request.by !== "executor" || result.kind !== "refused" || stored === undefined) return result;
      const step = stored.view.entityOf("step", request.fact.correlationId);
      return (step?.delivery ?? 0) > request.delivery ? force(stored, request.fact as LogEvent) : result;
    }),
  "a result of an executor counts as the driver's": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      if (request.by === "executor") patch(space, runId, ({ tail }) => ({ claimTail: tail }));
      return result;
    }),
  "the caller's payloads are kept instead of copies": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      const sent = isDriver(request) ? [...request.facts, ...request.decisions] : [request.fact];
      const events = space.runs.get(runId)?.events ?? [];
      for (const [index, event] of events.entries()) {
        const found = sent.find(
          ({ type, correlationId }) => type === event.type && correlationId === event.correlationId,
        );
        if (found !== undefined) events[index] = { ...event, payload: found.payload } as LogEvent;
      }
      return result;
    }),
  "readers are given the store's own payloads": (world, space) => ({
    ...world,
    log: {
      ...world.log,
      read: async (runId, { after, limit }) => space.runs.get(runId)?.events.slice(after, after + limit) ?? [],
    },
  }),
  "a repeated append of a driver is written again": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      if (isDriver(request)) patch(space, runId, () => ({ lastAppend: null }));
      return append(runId, request);
    }),
  "the key of an outside event is not looked at": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      if (!isDriver(request)) space.runs.get(runId)?.outside.clear();
      return append(runId, request);
    }),
  "an append that is sent again shows only its own events": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const mark = space.runs.get(runId)?.run.lastAppend ?? null;
      const result = await append(runId, request);
      if (!isDriver(request) || result.kind !== "appended" || mark === null || request.n !== mark.n) return result;
      return { ...result, events: result.events.filter(({ position }) => position <= mark.last) };
    }),
  "a release ignores what was written since": (world, space) =>
    withClaims(world, {
      release(runId, request) {
        const ifTail = space.runs.get(runId)?.run.tail ?? request.ifTail;
        return world.claims.release(runId, { ...request, ifTail });
      },
    }),
  "an append with a release ignores what was written since": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      const after = space.runs.get(runId)?.run.tail ?? 0;
      return append(runId, isDriver(request) && request.release !== null ? { ...request, after } : request);
    }),
  "a release forgets its moment": (world) =>
    withClaims(world, { release: (runId, request) => world.claims.release(runId, { ...request, wakeAt: null }) }),
  "a worker is given runs that it cannot drive": (world, space) =>
    withClaims(world, {
      claim({ worker, max }) {
        const workflows = [...new Set([...space.runs.values()].map(({ run }) => run.workflowId))];
        return world.claims.claim({ worker: { ...worker, workflows }, max });
      },
    }),
  "a worker that is late is not lost": (world) =>
    withClaims(world, { heartbeat: (worker) => world.claims.heartbeat({ ...worker, leaseMs: worker.leaseMs + 1 }) }),
  "the end of a lease is not foreseen": (world) =>
    withClaims(world, { claim: async (request) => ({ ...(await world.claims.claim(request)), nextLossAt: null }) }),
  "lost workers are not counted": (world, space) =>
    withClaims(world, {
      claim(request) {
        for (const runId of space.runs.keys()) patch(space, runId, () => ({ expiries: 0 }));
        return world.claims.claim(request);
      },
    }),
  "a poll hides cancelled runs": (world) =>
    withClaims(world, {
      poll: async (id) => (await world.claims.poll(id)).filter(({ status }) => status === "running"),
    }),
  "a poll shows every run of the worker": (world, space) =>
    withClaims(world, {
      poll: async (id) =>
        [...space.heldBy(id)].map(({ run: { runId, epoch, tail, status } }) => ({ runId, epoch, tail, status })),
    }),
  "a retired worker keeps its runs": (world) => withClaims(world, { retire: async () => undefined }),
  "the clock that a driver chose is not bounded": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      const stored = space.runs.get(runId);
      const fact = isDriver(request) ? request.facts[0] : undefined;
      if (result.kind !== "refused" || result.reason.kind !== "clock" || stored === undefined) return result;
      return force(stored, fact as LogEvent);
    }),
  "the clock that a driver chose is replaced by the store's": (world) =>
    withAppend(world, (append) => (runId, request) => {
      if (!isDriver(request)) return append(runId, request);
      return append(runId, { ...request, facts: request.facts.map((fact) => ({ ...fact, at: null })) });
    }),
  "the number of a payload is the sender's": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const result = await append(runId, request);
      const stored = space.runs.get(runId);
      if (isDriver(request) || request.fact.type !== "hook_received" || stored === undefined) return result;
      const last = stored.events.at(-1);
      if (last?.type === "hook_received") stored.events[last.position - 1] = { ...last, data: request.fact.data };
      return result;
    }),
  "a token can be held twice": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      if (isDriver(request)) space.tokens.clear();
      return append(runId, request);
    }),
  "a page of the log skips an event": (world) => ({
    ...world,
    log: {
      ...world.log,
      read: async (runId, { after, limit }) =>
        (await world.log.read(runId, { after, limit })).filter(({ position }) => after === 0 || position !== after + 1),
    },
  }),
  "a cursor is a number of runs": (world) =>
    withRuns(world, {
      async list({ cursor, ...filter }) {
        const skip = Number(cursor ?? 0);
        const { items } = await world.runs.list({ ...filter, limit: 1_000 });
        const page = items.slice(skip, skip + filter.limit);
        const next = skip + filter.limit;
        return { items: page, cursor: next < items.length ? String(next) : null };
      },
    }),
  "a list is in order of creation": (world) =>
    withRuns(world, {
      list: async (filter) => {
        const page = await world.runs.list(filter);
        return { ...page, items: page.items.toReversed() };
      },
    }),
  "waiting ends with the time alone": (world) =>
    withRuns(world, {
      async waitForEnd(runId) {
        await new Promise(setImmediate);
        return world.runs.get(runId);
      },
    }),
  "a run that is created again is created twice": (world, space) =>
    withRuns(world, {
      create(request: CreateRequest) {
        const stored = space.runs.get(request.runId);
        if (stored !== undefined) {
          if (stored.run.key !== null) space.keys.delete(stored.run.key);
          space.runs.delete(request.runId);
        }
        return world.runs.create(request);
      },
    }),
  "unparking forgets to wake the run": (world, space) => ({
    ...world,
    async unpark(runId) {
      const isUnparked = await world.unpark(runId);
      patch(space, runId, () => ({ wakeAt: null }));
      return isUnparked;
    },
  }),
  "anybody can park a run": (world, space) => ({
    ...world,
    park: (runId, _epoch, parked) => world.park(runId, space.runs.get(runId)?.run.epoch ?? 0, parked),
  }),
  "opening the store again loses the last event": (world, space) => {
    for (const stored of space.runs.values()) if (stored.events.length > 1) stored.events.pop();
    return world;
  },
  "bundles are kept by reference": (world, space) => ({
    ...world,
    bundles: {
      put: async (id, bytes) => {
        space.bundles.set(id, bytes);
      },
      get: async (id) => space.bundles.get(id) ?? null,
    },
  }),
  "a batch of chunks that is sent again is written again": (world, space) =>
    withStreams(world, {
      append(runId, request) {
        const marks = space.runs.get(runId)?.streams.get(request.name)?.marks;
        const id = streamWriterId(request.writer);
        const mark = marks?.get(id);
        if (mark !== undefined && mark.n === request.n) marks?.set(id, { ...mark, n: mark.n - 1 });
        return world.streams.append(runId, request);
      },
    }),
  "a writer that was overtaken still writes": (world, space) =>
    withStreams(world, {
      append(runId, request) {
        const { writer } = request;
        const step = writer.by === "step" ? space.runs.get(runId)?.view.entityOf("step", writer.step) : undefined;
        if (writer.by !== "step" || step === undefined) return world.streams.append(runId, request);
        const { attempt, delivery } = step;
        return world.streams.append(runId, { ...request, writer: { ...writer, attempt, delivery } });
      },
    }),
  "a stream outlives its run": (world, space) =>
    withStreams(world, {
      async append(runId, request) {
        const stored = space.runs.get(runId);
        const status = stored?.run.status;
        if (stored === undefined || status === undefined || !isEnded(status))
          return world.streams.append(runId, request);
        Object.assign(stored, { run: { ...stored.run, status: "running" } });
        const result = await world.streams.append(runId, request);
        Object.assign(stored, { run: { ...stored.run, status } });
        return result;
      },
    }),
  "a second close replaces the first": (world, space) =>
    withStreams(world, {
      async append(runId, request) {
        const result = await world.streams.append(runId, request);
        const stream = space.runs.get(runId)?.streams.get(request.name);
        if (stream !== undefined && request.close !== null) stream.closed = request.close;
        return result;
      },
    }),
  "a page of a stream begins one chunk late": (world) =>
    withStreams(world, {
      read: (runId, name, range) =>
        world.streams.read(runId, name, range.from > 0 ? { ...range, from: range.from + 1 } : range),
    }),
  "a reader that waits has only its time": (world) =>
    withStreams(world, {
      async read(runId, name, range) {
        await new Promise(setImmediate);
        return world.streams.read(runId, name, { ...range, waitMs: 0 });
      },
    }),
  "a reader that waits is not told of the end of the run": (world, space) =>
    withStreams(world, {
      read(runId, name, range) {
        const page = world.streams.read(runId, name, range);
        const stored = space.runs.get(runId);
        if (stored === undefined) return page;
        const { setRun } = space;
        space.setRun = (changed, run) => {
          const readers = [...changed.readers];
          changed.readers.clear();
          setRun.call(space, changed, run);
          for (const reader of readers) changed.readers.add(reader);
        };
        return page;
      },
    }),
  "chunks are kept by reference": (world, space) =>
    withStreams(world, {
      async append(runId, request) {
        const result = await world.streams.append(runId, request);
        const chunks = space.runs.get(runId)?.streams.get(request.name)?.chunks;
        if (result.kind === "appended") chunks?.splice(result.first, request.chunks.length, ...request.chunks);
        return result;
      },
    }),
  "a closed world goes on": (world) => ({ ...world, close: async () => undefined }),
  "a job can be taken twice": (world, space) =>
    withSteps(world, {
      async claim(request) {
        const result = await world.steps.claim(request);
        for (const { job } of result.jobs) space.jobs.set({ ...job, owner: null });
        return result;
      },
    }),
  "a job that is taken again is no other delivery": (world, space) =>
    withSteps(world, {
      async claim(request) {
        const result = await world.steps.claim(request);
        const jobs = result.jobs.map((taken) => ({ ...taken, job: { ...taken.job, delivery: 1 } }));
        for (const { job } of jobs) space.jobs.set(job);
        return { ...result, jobs };
      },
    }),
  "the result of an earlier delivery is taken": (world, space) =>
    withAppend(world, (append) => (runId, request) => {
      const job = request.by === "executor" ? space.jobs.get(runId, request.fact.correlationId ?? "") : undefined;
      if (request.by !== "executor" || job === undefined || request.fact.type === "step_retrying") {
        return append(runId, request);
      }
      const { attempt, delivery } = job;
      const data = { ...request.fact.data, attempt, delivery };
      return append(runId, { ...request, attempt, delivery, fact: { ...request.fact, data } as typeof request.fact });
    }),
  "jobs outlive their run": (world, space) =>
    withAppend(world, (append) => async (runId, request) => {
      const before = [...space.jobs.all()].filter((job) => job.runId === runId);
      const result = await append(runId, request);
      if (space.runs.get(runId)?.run.endedAt !== null) for (const job of before) space.jobs.set(job);
      return result;
    }),
  "jobs of a lost worker stay with it": (world, space, clock) =>
    withSteps(world, {
      claim(request) {
        for (const { owner } of space.jobs.all()) {
          if (owner !== null) space.beats.set(owner, { at: clock.now(), leaseMs: 10_000 });
        }
        return world.steps.claim(request);
      },
    }),
  "the end of the lease of a worker with a job is not foreseen": (world) =>
    withSteps(world, { claim: async (request) => ({ ...(await world.steps.claim(request)), nextLossAt: null }) }),
  "a retry is ready at once": (world, space) =>
    withSteps(world, {
      claim(request) {
        for (const job of [...space.jobs.all()]) if (job.owner === null) space.jobs.set({ ...job, readyAt: 0 });
        return world.steps.claim(request);
      },
    }),
  "a worker is given jobs of steps that it does not have": (world, space) =>
    withSteps(world, {
      claim: (request) => world.steps.claim({ ...request, steps: [...space.jobs.all()].map(({ stepId }) => stepId) }),
    }),
  "a job that is given back stays where it is": (world) => withSteps(world, { release: async () => true }),
  "nobody is told of outside events": (world) => ({
    ...world,
    wake: { listen: () => () => undefined },
  }),
};

const cases = conformanceGroups.flatMap((group) => group.cases);
const caught: string[] = [];

/** A case that hangs is caught as well, after this many milliseconds. */
const patienceMs = 1_000;

/** The title of the first case that fails, or null when none does. */
async function firstFailure(defect: Defect): Promise<string | null> {
  const wrap = (world: World, store: MemoryStore, clock: StoreClock) => defect(world, store.space("default"), clock);
  for (const each of cases) {
    const run = runCase(each, { open: async () => openMemoryFixture({ wrap }) });
    const isPassed = await Promise.race([
      run.then(
        () => true,
        () => false,
      ),
      late(),
    ]);
    if (!isPassed) return each.title;
  }
  return null;
}

const late = () => new Promise<boolean>((resolve) => setTimeout(resolve, patienceMs, false).unref());

describe("the conformance suite", () => {
  test("finds nothing wrong with a memory world that is wrapped and sound", async () => {
    expect(await firstFailure((world) => ({ ...world }))).toBeNull();
  });

  test.each(Object.entries(defects))("catches it when %s", async (name, defect) => {
    const title = await firstFailure(defect);
    caught.push(`${name} => ${title}`);
    expect(title).not.toBeNull();
  });

  afterAll(() => console.info(caught.join("\n")));
});
