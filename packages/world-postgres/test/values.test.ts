/** Values of users come back as they were, whatever they hold and however large they are. */
import { describe, expect, it } from "vitest";
import {
  cancellation,
  creation,
  driverAppend,
  eagerCreation,
  hookCreated,
  id,
  payloadFor,
  worker,
} from "./request-values.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();

/** Strings that JavaScript has and a text of PostgreSQL does not, and such as resemble how they are stored. */
const strange = ["a\0b", "\ud800", "\udc00\ud800", "\\u0000", "\\", "\u{1f680}", "ünï\\code", "x".repeat(10_000)];

describe("values of users", () => {
  it("X4: are told apart as keys, whatever they hold, and come back as they were", async () => {
    const [one, two] = await worlds.openTwo();
    for (const [n, key] of strange.entries()) {
      const created = await one.runs.create(creation(n, { key, workflowId: `workflow ${n}`, workflowName: key }));
      expect(created).toMatchObject({ kind: "created", run: { key, workflowName: key } });
    }
    for (const [n, key] of strange.entries()) {
      const existing = await two.runs.create(creation(100 + n, { key }));
      expect(existing).toMatchObject({ kind: "existing", run: { runId: id("wrun", n), key, workflowName: key } });
    }
  });

  it("L5: are told apart as idempotency keys of payloads", async () => {
    const [one, two] = await worlds.openTwo();
    await one.runs.create(eagerCreation(1, "token"));
    for (const key of strange) await one.log.append(id("wrun", 1), payloadFor(1, key));
    for (const [index, key] of strange.entries()) {
      const again = await two.log.append(id("wrun", 1), payloadFor(1, key));
      expect(again).toMatchObject({
        kind: "appended",
        tail: 3 + strange.length,
        events: [{ position: 4 + index, key }],
      });
    }
  });

  it("come back from data, parking and workers", async () => {
    const [one, two] = await worlds.openTwo();
    for (const [n, value] of strange.slice(0, -1).entries()) {
      await one.runs.create(creation(n, { workflowId: value }));
      const mine = { id: value, leaseMs: 60_000, workflows: [value] };
      await one.claims.heartbeat(mine);
      const { runs } = await one.claims.claim({ worker: mine, max: 10 });
      expect(runs.map(({ run }) => [run.runId, run.owner, run.workflowId])).toEqual([[id("wrun", n), value, value]]);
      await one.park(id("wrun", n), 1, { reason: "limit", detail: value, position: null });
      expect((await two.runs.get(id("wrun", n)))?.parked?.detail).toBe(value);
      await one.log.append(id("wrun", n), cancellation(value, value));
      const log = await two.log.read(id("wrun", n), { after: 1, limit: 10 });
      expect(log).toMatchObject([{ key: value, data: { reason: value } }]);
    }
  });

  it("that no index of the server takes are a typed error", async () => {
    const [one] = await worlds.openTwo();
    const noise = Array.from({ length: 3_000 }, (_, index) => (index * 7_919).toString(36)).join("");
    const error = await failure(one.runs.create(creation(1, { workflowId: noise })));
    expect([error.code, error.outcome]).toEqual(["STORE_UNSUPPORTED", "none"]);
  });

  it("may be moments that no 64-bit integer holds", async () => {
    const [one, two] = await worlds.openTwo();
    await one.runs.create(creation(1));
    await one.claims.heartbeat(worker);
    await one.claims.claim({ worker, max: 1 });
    await one.claims.release(id("wrun", 1), { epoch: 1, ifTail: 1, wakeAt: 1e300 });
    expect((await two.runs.get(id("wrun", 1)))?.wakeAt).toBe(1e300);
    expect((await two.claims.claim({ worker, max: 1 })).nextWakeAt).toBe(1e300);
  });
});

describe("a large append", () => {
  it("is one statement, up to the capability, and refused above it", async () => {
    const [one, two] = await worlds.openTwo();
    const { storeNow: at } = await one.describe();
    await one.claims.heartbeat(worker);
    await one.runs.create(eagerCreation(0, null, at));
    const most = one.capabilities.maxEventsPerAppend;
    const decisions = Array.from({ length: most }, (_, n) => ({
      ...hookCreated(n, `token-${n}`, at),
      payload: new Uint8Array([n & 255, n >> 8]),
    }));
    const tooMany = driverAppend(2, 2, { decisions: [...decisions, hookCreated(most, "one more", at)] });
    expect((await failure(one.log.append(id("wrun", 0), tooMany))).code).toBe("STORE_UNSUPPORTED");
    const result = await one.log.append(id("wrun", 0), driverAppend(2, 2, { decisions }));
    expect(result).toMatchObject({ kind: "appended", tail: most + 2 });
    const [last] = await two.log.read(id("wrun", 0), { after: most + 1, limit: 10 });
    expect(last).toMatchObject({ position: most + 2, payload: new Uint8Array([(most - 1) & 255, (most - 1) >> 8]) });
    expect(await two.hooks.find(`token-${most - 1}`)).toMatchObject({ position: most + 2 });
  });

  it("L3: keeps an empty payload apart from none", async () => {
    const [one, two] = await worlds.openTwo();
    await one.runs.create(eagerCreation(1, "token"));
    await one.log.append(id("wrun", 1), payloadFor(1, "empty", new Uint8Array(0)));
    await one.log.append(id("wrun", 1), cancellation());
    const log = await two.log.read(id("wrun", 1), { after: 3, limit: 10 });
    expect(log.map(({ payload }) => payload)).toEqual([new Uint8Array(0), null]);
  });

  it("does not see what the caller does to its payload afterwards", async () => {
    const [one] = await worlds.openTwo();
    await one.runs.create(eagerCreation(1, "token"));
    const payload = new Uint8Array([1, 2, 3]);
    const appending = one.log.append(id("wrun", 1), payloadFor(1, "key", payload));
    payload.fill(0);
    expect(await appending).toMatchObject({ events: [{ payload: new Uint8Array([1, 2, 3]) }] });
    const log = await one.log.read(id("wrun", 1), { after: 3, limit: 10 });
    expect(log).toMatchObject([{ payload: new Uint8Array([1, 2, 3]) }]);
  });
});
