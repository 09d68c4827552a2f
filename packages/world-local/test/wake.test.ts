import { statSync } from "node:fs";
import type { WakeHint, World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { cancellation, creation, eagerCreation, id, payloadFor, worker } from "./request-values.ts";

const bench = new Bench();

/** The next hint that fits. */
function hint(world: World, fits: (hint: WakeHint) => boolean = () => true): Promise<WakeHint> {
  return new Promise((resolve) => {
    const stop = world.wake?.listen((next) => {
      if (!fits(next)) return;
      stop?.();
      resolve(next);
    });
  });
}

async function two(options: { readonly watch?: boolean; readonly pollMs?: number }): Promise<readonly [World, World]> {
  const path = bench.file();
  const one = await bench.closing(createLocalWorld({ path, ...options }));
  return [one, await bench.closing(createLocalWorld({ path, ...options }))];
}

describe("wake-ups", () => {
  it("name the run within one process", async () => {
    const world = await bench.closing(createLocalWorld({ path: bench.file() }));
    const woken = hint(world);
    await world.runs.create(creation(1));
    expect(await woken).toEqual({ runId: id("wrun", 1) });
  });

  it.each([
    ["watching the file alone", { pollMs: 3_600_000 }],
    ["polling alone", { watch: false }],
  ])("reach another process by %s", async (_, options) => {
    const [one, two_] = await two(options);
    const created = hint(two_);
    await one.runs.create(creation(1));
    expect(await created).toEqual({ runId: null });
  });

  it("reach the process whose worker drives the run that somebody else writes to", async () => {
    const [driver, sender] = await two({ pollMs: 3_600_000 });
    await driver.claims.heartbeat(worker);
    await driver.runs.create(eagerCreation(1, "token"));
    const woken = hint(driver, ({ runId }) => runId === null);
    await sender.log.append(id("wrun", 1), payloadFor(1, "payload"));
    expect(await woken).toEqual({ runId: null });
    expect(await driver.claims.poll(worker.id)).toMatchObject([{ runId: id("wrun", 1), tail: 4 }]);
  });

  it("do not touch the file for what a process does with its own runs", async () => {
    const path = bench.file();
    const world = await bench.closing(createLocalWorld({ path }));
    await world.claims.heartbeat(worker);
    await world.runs.create(eagerCreation(1, "token"));
    await world.log.append(id("wrun", 1), payloadFor(1, "payload"));
    expect(statSync(`${path}.wake`, { throwIfNoEntry: false })).toBeUndefined();
    await world.runs.create(creation(2));
    expect(statSync(`${path}.wake`).size).toBe(1);
    await world.runs.create(creation(3));
    expect(statSync(`${path}.wake`).size).toBe(1);
  });

  it("end the wait for a run that another process ends", async () => {
    const [waiter, other] = await two({ watch: false });
    await other.runs.create(creation(1));
    const ended = waiter.runs.waitForEnd(id("wrun", 1), 60_000);
    await other.log.append(id("wrun", 1), cancellation());
    expect((await ended)?.status).toBe("cancelled");
  });
});
