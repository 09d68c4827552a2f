import { describe, expect, it } from "vitest";
import { Chance } from "./chance.ts";
import { epoch, type Owner, Scheduler } from "./scheduler.ts";

const owner = (name: string, state: Partial<Owner> = {}): Owner & { pausedUntil: number; isAlive: boolean } => ({
  name,
  isAlive: true,
  pausedUntil: 0,
  enter: () => {},
  leave: () => {},
  ...state,
});

async function drain(scheduler: Scheduler): Promise<void> {
  while (await scheduler.step());
}

/** The order in which events that are due together run. */
async function orderOf(seed: number): Promise<string> {
  const scheduler = new Scheduler(new Chance(seed));
  let order = "";
  for (const name of "abcdefgh") scheduler.after(5, null, () => (order += name));
  await drain(scheduler);
  return order;
}

describe("the scheduler", () => {
  it("runs events by their moment, and jumps from one to the next", async () => {
    const scheduler = new Scheduler(new Chance(1));
    const seen: [string, number][] = [];
    for (const [name, ms] of [
      ["late", 9_000_000],
      ["soon", 3],
      ["now", 0],
    ] as const) {
      scheduler.after(ms, null, () => seen.push([name, scheduler.now - epoch]));
    }
    await drain(scheduler);
    expect(seen).toEqual([
      ["now", 0],
      ["soon", 3],
      ["late", 9_000_000],
    ]);
  });

  it("orders what is due together by chance, and by the same chance for the same seed", async () => {
    expect(await orderOf(7)).toBe(await orderOf(7));
    const orders = await Promise.all(Array.from({ length: 20 }, (_, seed) => orderOf(seed)));
    expect(new Set(orders).size).toBeGreaterThan(15);
  });

  it("lets every promise of an event come to rest before the next one", async () => {
    const scheduler = new Scheduler(new Chance(1));
    const seen: string[] = [];
    scheduler.after(0, null, () => {
      const hops = async (): Promise<void> => {
        for (let hop = 0; hop < 100; hop += 1) await null;
        seen.push("hops");
      };
      void hops();
    });
    scheduler.after(1, null, () => seen.push("next"));
    await drain(scheduler);
    expect(seen).toEqual(["hops", "next"]);
  });

  it("drops the events of the dead, delays those of the paused, and forgets what is cancelled", async () => {
    const scheduler = new Scheduler(new Chance(1));
    const dead = owner("dead");
    const paused = owner("paused", { pausedUntil: epoch + 50 });
    const seen: [string, number][] = [];
    scheduler.after(1, dead, () => seen.push(["dead", scheduler.now - epoch]));
    scheduler.after(2, paused, () => seen.push(["paused", scheduler.now - epoch]));
    const cancelPaused = scheduler.after(3, paused, () => seen.push(["cancelled", scheduler.now - epoch]));
    scheduler.after(20, null, () => cancelPaused());
    dead.isAlive = false;
    await drain(scheduler);
    expect(seen).toEqual([["paused", 50]]);
  });

  it("tells owners when their code begins and ends", async () => {
    const scheduler = new Scheduler(new Chance(1));
    const seen: string[] = [];
    const of = (name: string): Owner =>
      owner(name, { enter: () => seen.push(`+${name}`), leave: () => seen.push(`-${name}`) });
    const [a, b] = [of("a"), of("b")];
    scheduler.after(1, a, () => seen.push("a"));
    scheduler.after(2, a, () => seen.push("a"));
    scheduler.after(3, b, () => seen.push("b"));
    await drain(scheduler);
    scheduler.finish();
    expect(seen).toEqual(["+a", "a", "a", "-a", "+b", "b", "-b"]);
  });
});
