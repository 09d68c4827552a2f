/**
 * The world through PgBouncer in transaction mode. The whole conformance suite, with notifications past the pooler and
 * without, is a longer test: `PERDURE_LONG=1`, as in `pnpm verify:all`.
 */
import { testWorld } from "@perdure/world/conformance";
import { afterAll, describe, expect, it } from "vitest";
import { Fixtures } from "./conformance-fixture.ts";
import { Pooler, poolerMissing } from "./pooler.ts";
import { creation, id, worker } from "./request-values.ts";
import { Worlds } from "./worlds.ts";

const isLong = process.env["PERDURE_LONG"] === "1";
const worlds = new Worlds();
let opened: Promise<Pooler> | null = null;

/** Started by the first test that needs it. */
async function through(direct: string): Promise<string> {
  opened ??= Pooler.before(direct);
  return (await opened).url(direct);
}

afterAll(async () => {
  await (await opened)?.stop();
});

// Not everybody has PgBouncer, and it is in no package of npm.
const suffix = poolerMissing === null ? "" : ` (skipped: ${poolerMissing})`;

describe.skipIf(poolerMissing !== null)(`a pooler that gives a session to each transaction${suffix}`, () => {
  it("serves more worlds than it has sessions, statements prepared by none of them", async () => {
    const direct = await worlds.databases.create();
    const url = await through(direct);
    const opening = Array.from({ length: 8 }, () => worlds.open({ url, pooled: true }));
    const all = (await Promise.all(opening)).map(({ world }) => world);
    await Promise.all(all.map((world, index) => world.runs.create(creation(index + 1))));
    const found = await Promise.all(all.map((world) => world.runs.list({ limit: 20 })));
    expect(found.map(({ items }) => items.length)).toEqual(all.map(() => 8));
    const claims = await Promise.all(
      all.map(async (world, index) => {
        const own = { ...worker, id: `${worker.id}-${index}` };
        await world.claims.heartbeat(own);
        return await world.claims.claim({ worker: own, max: 1 });
      }),
    );
    expect(new Set(claims.flatMap(({ runs }) => runs.map(({ run }) => run.runId))).size).toBe(8);
  });

  it("lets notifications pass beside it where a direct URL is given", async () => {
    const direct = await worlds.databases.create();
    const url = await through(direct);
    const { world } = await worlds.open({ url, pooled: true, directUrl: direct, pollMs: 3_600_000 });
    const { world: other } = await worlds.open({ url, pooled: true });
    await world.runs.create(creation(1));
    const ended = world.runs.waitForEnd(id("wrun", 1), 20_000);
    const { promise: isHeard, resolve: hear } = Promise.withResolvers<void>();
    const stop = world.wake?.listen(() => hear());
    await isHeard;
    stop?.();
    const fact = {
      type: "run_cancelled",
      correlationId: null,
      at: null,
      data: { reason: null },
      payload: null,
    } as const;
    await other.log.append(id("wrun", 1), { by: "outside", key: "cancel", fact });
    expect((await ended)?.status).toBe("cancelled");
  });

  describe.skipIf(!isLong)("with PERDURE_LONG=1", () => {
    const polling = new Fixtures(worlds.databases, async (direct) => ({ url: await through(direct), pooled: true }));
    const listening = new Fixtures(worlds.databases, async (direct) => ({
      url: await through(direct),
      pooled: true,
      directUrl: direct,
    }));
    afterAll(async () => {
      await polling.close();
      await listening.close();
    });
    testWorld("the PostgreSQL world, polling through a pooler", { open: polling.open, runner: { describe, it } });
    testWorld("the PostgreSQL world, listening past a pooler", { open: listening.open, runner: { describe, it } });
  });
});
