import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";

interface Asked {
  claims: number;
  moved: number;
  held: number;
  others: number;
}

/** Counts what a worker asks of its world. */
function counted(asked: Asked): (world: World) => World {
  return (world) => ({
    ...world,
    claims: {
      ...world.claims,
      claim: (request) => {
        asked.claims += 1;
        return world.claims.claim(request);
      },
      poll: (id, which) => {
        asked[which === "held" ? "held" : "moved"] += 1;
        return world.claims.poll(id, which);
      },
    },
    log: {
      read: (...range) => {
        asked.others += 1;
        return world.log.read(...range);
      },
      append: (...request) => {
        asked.others += 1;
        return world.log.append(...request);
      },
    },
  });
}

describe("a worker that has nothing to do", () => {
  it("looks for due runs once in a sweep, and asks nothing else but what it holds, twice a minute", async () => {
    const asked: Asked = { claims: 0, moved: 0, held: 0, others: 0 };
    const harness = new Harness({ wrap: counted(asked) });
    program(`async () => "nothing"`);
    await harness.worker();
    await harness.env.settle();
    Object.assign(asked, { claims: 0, held: 0 });
    await harness.env.advance(60_000);
    expect(asked).toEqual({ claims: expect.any(Number), moved: 0, held: 2, others: 0 });
    expect(asked.claims).toBeLessThanOrEqual(61);
    expect(asked.claims).toBeGreaterThanOrEqual(59);
  });

  it("wakes a run at its moment, and asks no more for many that sleep", async () => {
    const asked: Asked = { claims: 0, moved: 0, held: 0, others: 0 };
    const harness = new Harness({ wrap: counted(asked), holdMs: 1 });
    const bundle = program(`async () => { await sleep("3m"); return Date.now(); }`);
    const worker = await harness.worker();
    const runIds: string[] = [];
    for (let count = 0; count < 20; count += 1) runIds.push(await harness.start(worker, bundle));
    await harness.env.settle();
    expect(worker.engine.claimedCount).toBe(0);
    Object.assign(asked, { claims: 0, moved: 0, held: 0, others: 0 });
    await harness.env.advance(60_000);
    expect(asked).toEqual({ claims: expect.any(Number), moved: 0, held: 2, others: 0 });
    expect(asked.claims).toBeLessThanOrEqual(61);
    const wakeAt = (await harness.record(runIds[0] ?? "")).wakeAt ?? Number.NaN;
    const wokenAt = (await harness.result(runIds[0] ?? "", 400_000)) as number;
    expect(wokenAt - wakeAt).toBeGreaterThanOrEqual(0);
    expect(wokenAt - wakeAt).toBeLessThanOrEqual(2);
  });
});

describe("runs that are due, but that others are just taking", () => {
  it("are looked for again in a moment, and not without a pause", async () => {
    let looks = 0;
    let isTaken = true;
    const harness = new Harness({
      wrap: (world) => ({
        ...world,
        claims: {
          ...world.claims,
          claim: async (request) => {
            looks += 1;
            if (!isTaken) return world.claims.claim(request);
            const { storeNow } = await world.claims.claim({ ...request, max: 0 });
            return { runs: [], storeNow, nextWakeAt: storeNow, nextLossAt: null };
          },
        },
      }),
    });
    const bundle = program(`async () => "done"`);
    await harness.worker();
    await harness.create(bundle);
    await harness.env.settle();
    looks = 0;
    await harness.env.advance(500);
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(looks).toBeLessThanOrEqual(20);
    isTaken = false;
    const runId = await harness.create(bundle);
    expect(await harness.result(runId, 1_000)).toBe("done");
  });
});
