import { DatabaseSync } from "node:sqlite";
import type { World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { type Child, startChild } from "./children.ts";
import { eagerCreation, id } from "./request-values.ts";

const bench = new Bench();
const runs = 20;

type Acknowledgement = readonly [run: number, key: string, position: number];

async function storeWithHooks(): Promise<{ readonly file: string; readonly world: World }> {
  const file = bench.file();
  const world = await bench.closing(createLocalWorld({ path: file }));
  await Promise.all(Array.from({ length: runs }, (_, n) => world.runs.create(eagerCreation(n, `token-${n}`))));
  return { file, world };
}

/** Every acknowledgement that the child prints, until it ends or `until` says to kill it. */
async function acknowledged(child: Child, until: (count: number) => boolean = () => false): Promise<Acknowledgement[]> {
  const all: Acknowledgement[] = [];
  for (;;) {
    const next = await child.line().catch(() => null);
    if (next === null) return all;
    all.push(next as Acknowledgement);
    if (until(all.length)) child.process.kill("SIGKILL");
  }
}

/** The keys of each run's log in order; fails unless the log is dense and each key occurs once. */
async function keysOf(world: World, n: number): Promise<readonly string[]> {
  const log = await world.log.read(id("wrun", n), { after: 0, limit: 100_000 });
  expect(log.map(({ position }) => position)).toEqual(log.map((_, index) => index + 1));
  const received = log.filter((event) => event.type === "hook_received");
  expect(received.map(({ data }) => data.ordinal)).toEqual(received.map((_, index) => index + 1));
  const keys = received.map(({ key }) => key ?? "");
  expect(new Set(keys).size).toBe(keys.length);
  return keys;
}

describe("several processes on one file", () => {
  it("L1 L5: lose and double nothing that they append at the same time", async () => {
    const { file, world } = await storeWithHooks();
    const rounds = 20;
    const children = ["one", "two"].map((name) =>
      startChild("append-loop", [file, name, String(runs), String(rounds)]),
    );
    const acks = await Promise.all(children.map((child) => acknowledged(child)));
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(acks.map(({ length }) => length)).toEqual([runs * rounds, runs * rounds]);
    for (let n = 0; n < runs; n += 1) expect(await keysOf(world, n)).toHaveLength(2 * rounds);
    for (const [n, key, position] of acks.flat()) {
      const [event] = await world.log.read(id("wrun", n), { after: position - 1, limit: 1 });
      expect(event?.key).toBe(key);
    }
  });

  it("L2 L4: keep what was acknowledged when one of them is killed in the middle", async () => {
    const { file, world } = await storeWithHooks();
    const victim = startChild("append-loop", [file, "victim", String(runs), "100000"]);
    const survivor = startChild("append-loop", [file, "survivor", String(runs), "20"]);
    const [ofVictim, ofSurvivor] = await Promise.all([
      acknowledged(victim, (count) => count === 150),
      acknowledged(survivor),
    ]);
    expect(await victim.ended).toBe("SIGKILL");
    expect(await survivor.ended).toBe(0);
    expect(ofVictim.length).toBeGreaterThanOrEqual(150);
    for (let n = 0; n < runs; n += 1) {
      const keys = await keysOf(world, n);
      const expected = [...ofVictim, ...ofSurvivor].filter(([run]) => run === n).map(([, key]) => key);
      expect(keys).toEqual(expect.arrayContaining(expected));
    }
    await world.close();
    const db = new DatabaseSync(file);
    expect(db.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    db.close();
  });

  it("answer one that appended from memory with what another wrote in between", async () => {
    const { file, world } = await storeWithHooks();
    const child = startChild("append-loop", [file, "other", "1", "3"]);
    expect(await acknowledged(child)).toHaveLength(3);
    const request = { by: "driver", epoch: 1, n: 2, after: 3, facts: [], decisions: [], release: null } as const;
    const moved = await world.log.append(id("wrun", 0), { ...request, ifTail: 3 });
    expect(moved).toMatchObject({ kind: "moved", tail: 6 });
    const taken = await world.log.append(id("wrun", 0), { ...request, ifTail: null });
    expect(taken.kind === "appended" && taken.events.map(({ key }) => key)).toEqual(["other-0", "other-1", "other-2"]);
  });
});
