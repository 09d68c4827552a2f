/**
 * L2, L4, L5, L7: every call of SQLite fails once, in each of some ways, in a session that does what programs do.
 *
 * A failure is a `StoreError` whose `outcome` is true: what was acknowledged is in the file, what certainly failed is not,
 * as another connection finds it beside a world in memory that took the acknowledged requests alone. Then the request is
 * sent again, to the store opened anew if it takes no more, and at the end nothing is missing and nothing is there twice.
 *
 * A run of CI takes every call of the input and output error and of the commits, and each fifth of the others, from the
 * seed on; `PERDURE_LONG=1` every one. `PERDURE_SEED` repeats a choice.
 */
import { StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { createMemoryWorld } from "@perdure/world/memory";
import { afterAll, describe, expect, it } from "vitest";
import { worldOn } from "../src/local-world.ts";
import { Store } from "../src/store.ts";
import { sqlite } from "../src/store-errors.ts";
import { Bench } from "./bench.ts";
import { FailingConnections, type Fault, faults } from "./failing-connection.ts";
import { type Answers, ask, recordedAt, type Step, script, settingsFor } from "./recording.ts";
import { worker } from "./request-values.ts";

const bench = new Bench();
const isLong = process.env["PERDURE_LONG"] === "1";
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);
const timeoutMs = isLong ? 3_600_000 : 600_000;

const incarnation = "the same for every store";

/** The script of the recordings, then what a worker does at its end. */
const session: readonly Step[] = [
  ...script,
  (world) => world.claims.poll(worker.id),
  (world) => world.claims.retire(worker.id),
];

const counts = new Map<string, number>();
const count = (what: string, more = 1): void => {
  counts.set(what, (counts.get(what) ?? 0) + more);
};

afterAll(() => {
  const parts = [...counts].map(([what, number]) => `${what} ${number}`);
  console.log(`failing calls: ${parts.join(", ")}; seed ${seed}`);
});

const memoryWorld = (): World =>
  createMemoryWorld({ env: { now: () => recordedAt, setTimer: () => () => {} }, incarnation });

const openAgain = async (file: string): Promise<World> => worldOn(await Store.open(settingsFor(file)), true);

/** All answers; the incarnation is the store's own. */
async function answersOf(world: World): Promise<Answers> {
  return new Map(await ask(world)).set("incarnation", incarnation);
}

async function modelAfter(steps: readonly Step[]): Promise<Answers> {
  const model = memoryWorld();
  for (const step of steps) await step(model);
  return answersOf(model);
}

/** The error's outcome; throws what is no `StoreError`. */
function outcomeOf(error: unknown): "none" | "unknown" {
  if (!StoreError.is(error)) throw error;
  count(`${error.code} (${error.outcome})`);
  return error.outcome;
}

/** What another connection finds, beside the one that failed or after it, is what was acknowledged. */
async function expectAcknowledged(file: string, acknowledged: readonly Step[], unknown: Step | null): Promise<void> {
  const other = await openAgain(file);
  try {
    const found = await answersOf(other);
    const certain = await modelAfter(acknowledged);
    const isWritten = unknown !== null && [...found].some(([question, answer]) => certain.get(question) !== answer);
    expect(found).toEqual(isWritten ? await modelAfter([...acknowledged, unknown]) : certain);
  } finally {
    await other.close();
  }
}

/** Sends the rest of the session, each request again when it fails, until it is over or the store takes no more. */
async function send(world: World, file: string, acknowledged: Step[]): Promise<void> {
  for (const step of session.slice(acknowledged.length)) {
    try {
      await step(world);
    } catch (error) {
      const outcome = outcomeOf(error);
      await expectAcknowledged(file, acknowledged, outcome === "unknown" ? step : null);
      try {
        await step(world);
      } catch (again) {
        expect(outcomeOf(again)).toBe("none");
        return;
      }
    }
    acknowledged.push(step);
  }
}

async function open(file: string, connections: FailingConnections): Promise<World | null> {
  try {
    return worldOn(await Store.open({ ...settingsFor(file), connect: connections.connect }), true);
  } catch (error) {
    expect(outcomeOf(error)).toBe("none");
    return null;
  }
}

/** A session on a new file; false when it is over before the call that would fail. */
async function trial(fault: Fault, failing: number): Promise<boolean> {
  const file = bench.file();
  const connections = new FailingConnections(fault, failing);
  const acknowledged: Step[] = [];
  try {
    const world = await open(file, connections);
    if (world !== null) {
      await send(world, file, acknowledged);
      await world.close().catch(outcomeOf);
    }
    if (acknowledged.length < session.length) {
      const again = await openAgain(file);
      await send(again, file, acknowledged);
      await again.close();
    }
    expect(acknowledged).toHaveLength(session.length);
    await expectAcknowledged(file, acknowledged, null);
  } catch (error) {
    throw new Error(`call ${failing} (${connections.failed}), ${fault.name}`, { cause: error });
  }
  return connections.failed !== null;
}

describe.each(faults)("the $name of SQLite", (fault) => {
  it("loses nothing that was acknowledged, writes nothing that was refused, and doubles nothing", {
    timeout: timeoutMs,
  }, async () => {
    const step = isLong || fault.of !== "all" || fault.code === sqlite.ioError ? 1 : 5;
    let trials = 0;
    for (let failing = 1 + (seed % step); ; failing += step) {
      if (!(await trial(fault, failing))) break;
      trials += 1;
    }
    expect(trials).toBeGreaterThan(0);
    count(`calls with ${fault.name}`, trials);
  });
});
