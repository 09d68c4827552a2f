/** Random reports on one run, sent at once, against the same reports sent one by one to the world in memory. */
import type { AppendRequest, AppendResult, ExecutorAppend, LogEvent, NewFact, StepJob, World } from "@perdure/world";
import { createMemoryWorld } from "@perdure/world/memory";
import { describe, expect, it, vi } from "vitest";
import { cancellation, driverAppend, hookCreated, payloadFor, worker } from "./request-values.ts";
import { openSteps, runId } from "./step-values.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
const isLong = process.env["PERDURE_LONG"] === "1";
if (isLong) vi.setConfig({ testTimeout: 300_000 });

const seeds = isLong ? 40 : 4;
const stepCount = 60;
const rounds = 12;

/** Numbers from 0 to below 1 that follow from a seed. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Place = Pick<StepJob, "correlationId" | "attempt" | "delivery">;

const placeOf = ({ correlationId, attempt, delivery }: Place): Place => ({ correlationId, attempt, delivery });

const inOrder = (places: readonly Place[]): readonly Place[] =>
  places.map(placeOf).toSorted((a, b) => a.correlationId.localeCompare(b.correlationId));

/** What an executor reports: mostly a result, now and then that the attempt is to be repeated. */
function reportOf(place: Place, next: () => number): ExecutorAppend {
  const { correlationId, attempt } = place;
  // A few come late, from a delivery that is over.
  const delivery = next() < 0.1 ? place.delivery - 1 : place.delivery;
  const payload = new Uint8Array([Math.floor(next() * 256)]);
  const data = { attempt, delivery };
  const pick = next();
  const fact: NewFact<"step_completed" | "step_failed" | "step_retrying"> =
    pick < 0.5
      ? { type: "step_completed", correlationId, at: null, data, payload }
      : pick < 0.7
        ? { type: "step_failed", correlationId, at: null, data: { ...data, code: "FATAL" }, payload }
        : { type: "step_retrying", correlationId, at: null, data: { attempt: attempt + 1, retryAt: 1_000 }, payload };
  const key = next() < 0.9 ? `job/${correlationId}/${attempt}/${delivery}` : `another ${Math.floor(next() * 5)}`;
  return { by: "executor", key, attempt, delivery, fact };
}

function anyRequest(places: readonly Place[], sent: readonly AppendRequest[], next: () => number): AppendRequest {
  const pick = next();
  const again = sent[Math.floor(next() * sent.length)];
  const place = places[Math.floor(next() * places.length)];
  if (pick < 0.15 && again !== undefined) return again;
  if (pick < 0.3 || place === undefined) {
    return payloadFor(1 + Math.floor(next() * 3), `payload ${Math.floor(next() * 200)}`, new Uint8Array([7]));
  }
  if (pick > 0.998) return cancellation();
  return reportOf(place, next);
}

/** All of an event but the moments that the clock of the store has given it. */
const shapeOf = ({ committedAt: _, at: __, ...rest }: LogEvent) => rest;

/** Of several rules that a report breaks, the two worlds may name another one first. */
function shapeOfAnswer(result: AppendResult): unknown {
  if (result.kind === "refused") return [result.kind, result.reason.kind];
  if (result.kind !== "appended") return result;
  const { storeNow: _, events, ...rest } = result;
  return { ...rest, events: events.map(shapeOf) };
}

async function logOf(world: World) {
  const log = await world.log.read(runId, { after: 0, limit: 10_000 });
  const ats = log.map(({ at }) => at);
  expect(ats).toEqual(ats.toSorted((a, b) => a - b));
  return log.map(shapeOf);
}

/** A run with open steps and two hooks, the third of which there is not. */
async function begin(world: World): Promise<void> {
  await openSteps(world, stepCount, "background");
  const at = (await world.runs.get(runId))?.lastAt ?? 0;
  const after = 2 + stepCount;
  const decisions = [hookCreated(1, "one", at), hookCreated(2, "two", at)];
  expect(await world.log.append(runId, driverAppend(2, after, { decisions }))).toMatchObject({ kind: "appended" });
}

const take = async (world: World) =>
  void (await world.steps.claim({ workerId: worker.id, steps: ["step"], max: stepCount }));

const held = async (world: World) => inOrder(await world.steps.held(worker.id));

describe("reports on one run that are sent at once", () => {
  it.each(Array.from({ length: seeds }, (_, index) => index + 1))(
    "K1 L1 L5: are answered and written as they are one by one (seed %i)",
    async (seed) => {
      const next = numbersFrom(seed);
      const url = await worlds.databases.create();
      const driving = await worlds.open({ url });
      const { storeNow: at } = await driving.world.describe();
      const memory = createMemoryWorld({ env: { now: () => at, setTimer: () => () => {} } });
      for (const each of [driving.world, memory]) await begin(each);
      const reporter = await worlds.open({ url });
      // Half of the seeds report from the process that has driven the run, and knows its log.
      const { world, store } = seed % 2 === 0 ? reporter : driving;
      const writes = [vi.spyOn(store.runs, "write"), vi.spyOn(store.runs, "writeTogether")];
      const sent: AppendRequest[] = [];
      for (let round = 0; round < rounds; round += 1) {
        for (const each of [world, memory]) await take(each);
        const places = await held(memory);
        expect(await held(world)).toEqual(places);
        const requests = Array.from({ length: 1 + Math.floor(next() * 25) }, () => anyRequest(places, sent, next));
        const answers = await Promise.all(requests.map((request) => world.log.append(runId, request)));
        const expected: AppendResult[] = [];
        for (const request of requests) expected.push(await memory.log.append(runId, request));
        expect([round, answers.map(shapeOfAnswer)]).toEqual([round, expected.map(shapeOfAnswer)]);
        sent.push(...requests);
      }
      expect(await logOf(world)).toEqual(await logOf(memory));
      const count = writes.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(sent.length / 2);
      await memory.close();
    },
  );
});
