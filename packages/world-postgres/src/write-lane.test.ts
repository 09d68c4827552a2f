import { admitCreate, RunView } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { creation, id } from "../test/request-values.ts";
import type { Queries, Session } from "./database.ts";
import type { RunChange, WriteResult } from "./run-writes.ts";
import { TokenOwners } from "./token-changes.ts";
import { type ChangeWriter, type LaneConnections, type Seat, WriteLane } from "./write-lane.ts";

const bounds = { changes: 2, bytes: 10_000, lockTimeoutMs: 50 };
const written: WriteResult = { outcome: "written", now: 1 };

/** Connections that nothing is asked of: the writer answers. `isOver`: each is to be given back after one statement. */
class Connections implements LaneConnections {
  readonly #isOver: boolean;
  sessions = 0;
  failure: Error | null = null;

  constructor(isOver = false) {
    this.#isOver = isOver;
  }

  read = async () => [];
  write = async () => [];

  async session<T>(use: (session: Session) => Promise<T>): Promise<T> {
    if (this.failure !== null) throw this.failure;
    this.sessions += 1;
    return use({ read: this.read, write: this.write, isOver: this.#isOver });
  }
}

function change(n: number, inputBytes = 10): RunChange {
  const tokens = new TokenOwners();
  const request = { ...creation(n), input: new Uint8Array(inputBytes) };
  const verdict = admitCreate(request, "default", { storeNow: 1, tokenOwner: tokens.ask() }, RunView.empty());
  if (verdict.kind === "refused") expect.fail("the creation is one that the rules admit");
  return { run: verdict.run, version: null, storeNow: 1, append: verdict, tokens, jobs: null };
}

/** Statements that are answered when the test says so. */
class HeldWriter implements ChangeWriter {
  readonly alone: string[] = [];
  readonly together: (readonly string[])[] = [];
  readonly #answers: (() => void)[] = [];

  async write(_: Queries, { run }: RunChange): Promise<WriteResult> {
    this.alone.push(run.runId);
    return written;
  }

  writeTogether(_: Queries, changes: readonly RunChange[]): Promise<readonly WriteResult[]> {
    this.together.push(changes.map(({ run }) => run.runId));
    return new Promise((resolve) => this.#answers.push(() => resolve(changes.map(() => written))));
  }

  answer(): void {
    this.#answers.shift()?.();
  }
}

const later = (): Promise<void> => new Promise(setImmediate);
const ids = (...numbers: readonly number[]): string[] => numbers.map((n) => id("wrun", n));

describe("the lane of changes", () => {
  it("G1: sends at once what comes first, and what comes meanwhile with the next statement", async () => {
    const writer = new HeldWriter();
    const lane = new WriteLane(new Connections(), writer, bounds);
    const results: Promise<WriteResult>[] = [];
    const write = async (n: number): Promise<void> => {
      results.push(lane.write(change(n), await lane.seat()));
    };
    await write(1);
    await later();
    expect(writer.together).toEqual([ids(1)]);
    for (const n of [3, 2, 4]) await write(n);
    await later();
    expect(writer.together).toEqual([ids(1)]);
    writer.answer();
    await later();
    expect(writer.together).toEqual([ids(1), ids(2, 3)]);
    writer.answer();
    await later();
    writer.answer();
    expect(await Promise.all(results)).toEqual(results.map(() => written));
    expect(writer.together).toEqual([ids(1), ids(2, 3), ids(4)]);
  });

  it.each([true, false])("G1: sends the next statement before it answers, on a new connection: %s", async (isOver) => {
    const writer = new HeldWriter();
    const connections = new Connections(isOver);
    const lane = new WriteLane(connections, writer, bounds);
    const first = lane.write(change(1), await lane.seat());
    const sentAtAnswer = first.then(() => writer.together.length);
    await later();
    const second = lane.write(change(2), await lane.seat());
    writer.answer();
    await later();
    writer.answer();
    expect([await sentAtAnswer, await second]).toEqual([isOver ? 1 : 2, written]);
    expect(connections.sessions).toBe(isOver ? 2 : 1);
  });

  it("rejects what it has no connection for, and goes on when there is one", async () => {
    const writer = new HeldWriter();
    const connections = new Connections();
    const lane = new WriteLane(connections, writer, bounds);
    connections.failure = new Error("no connection");
    const results = [1, 2, 3].map(async (n) => lane.write(change(n), await lane.seat()));
    const settled = await Promise.allSettled(results);
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    connections.failure = null;
    const result = lane.write(change(4), await lane.seat());
    await later();
    writer.answer();
    expect(await result).toEqual(written);
  });

  it("G3: gives as many seats as three statements hold, in the order in which they were asked for", async () => {
    const writer = new HeldWriter();
    const lane = new WriteLane(new Connections(), writer, bounds);
    const seats: Seat[] = [];
    const order: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      void lane.seat().then((seat) => {
        seats.push(seat);
        order.push(n);
      });
    }
    await later();
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    seats[3]?.leave();
    seats[3]?.leave();
    await later();
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const n of [0, 1]) void lane.write(change(n), seats[n] as Seat);
    await later();
    expect(order).toHaveLength(7);
    writer.answer();
    await later();
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("G4: lets a large change go by itself, and nobody waits for its seat", async () => {
    const writer = new HeldWriter();
    const lane = new WriteLane(new Connections(), writer, bounds);
    for (let n = 0; n < 9; n += 1) expect(await lane.write(change(n, 5_000), await lane.seat())).toEqual(written);
    expect([writer.alone, writer.together]).toEqual([ids(0, 1, 2, 3, 4, 5, 6, 7, 8), []]);
  });
});
