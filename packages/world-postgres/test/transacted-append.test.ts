/** Steps whose writes and result are one commit, whatever is killed when. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StepTransaction, World, WorldTransactions } from "@perdure/world";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import type { Client } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import type { Store } from "../src/store.ts";
import { cancellation, creation, driverAppend, hookCreated, id, payloadFor, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import {
  charge,
  completed,
  deliverAgain,
  insert,
  openStep,
  runId,
  stepId,
  tables,
  watchStatements,
} from "./step-values.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
let database: Promise<string> | null = null;
let namespaces = 0;

let stopWatching = (): void => {};
afterEach(() => stopWatching());

interface Opened {
  readonly world: World;
  readonly store: Store;
  readonly transactions: WorldTransactions;
  readonly url: string;
  readonly namespace: string;
}

/** A world of its own namespace with an open step, and empty tables of the program. */
async function open(options: { readonly url?: string; readonly maxTransactions?: number } = {}): Promise<Opened> {
  database ??= worlds.databases.create();
  const { url = await database, ...rest } = options;
  const namespace = `test-${++namespaces}`;
  const { world, store } = await worlds.open({ url, namespace, ...rest });
  await withClient(url, (client) => client.query(tables));
  await openStep(world);
  const { transactions } = world;
  if (transactions === undefined) return expect.fail("the world takes part in transactions");
  return { world, store, transactions, url, namespace };
}

/** What the program's tables and the log say of the step. */
async function state(world: World, url: string) {
  const { notes, amount } = await withClient(url, async (client) => {
    const ledger = await client.query<{ readonly note: string }>("SELECT note FROM ledger ORDER BY id");
    const balances = await client.query<{ readonly amount: number }>("SELECT amount FROM balances");
    return { notes: ledger.rows.map(({ note }) => note), amount: balances.rows[0]?.amount };
  });
  const log = await world.log.read(runId, { after: 3, limit: 100 });
  return { notes, amount, log: log.map(({ type, key }) => `${type} ${key}`) };
}

const nothing = { notes: [], amount: 100, log: [] };
const once_ = (delivery: number, ...before: string[]) => ({
  notes: [`delivery ${delivery}`],
  amount: 95,
  log: [...before, `step_completed ${stepId}/1/${delivery}`],
});

describe("a transactional step", () => {
  it("commits what it writes together with its result, and its driver is told", async () => {
    const { world, url } = await open();
    const answer = await charge(world);
    expect(answer).toMatchObject({ kind: "appended", tail: 4, released: false });
    expect(await state(world, url)).toEqual(once_(1));
    const [event] = await world.log.read(runId, { after: 3, limit: 1 });
    expect(answer.kind === "appended" && answer.events).toEqual([event]);
    expect(event).toMatchObject({ epoch: null, correlationId: stepId, payload: new Uint8Array([7]) });
    expect(await world.claims.poll(worker.id)).toMatchObject([{ runId, tail: 4 }]);
    expect(await world.log.append(runId, driverAppend(2, 3, { ifTail: 3 }))).toMatchObject({ kind: "moved", tail: 4 });
  });

  it("wakes an unclaimed run in the same commit, in this process and in another one", async () => {
    const { world, url, namespace } = await open();
    const { world: other } = await worlds.open({ url, namespace, pollMs: 60_000 });
    const heard = [world, other].map((each) => {
      const { promise, resolve } = Promise.withResolvers<string | null>();
      each.wake?.listen(({ runId: hinted }) => hinted === runId && resolve(hinted));
      return promise;
    });
    expect(await world.claims.release(runId, { epoch: 1, ifTail: 3, wakeAt: null })).toBe("released");
    await untilListening(url);
    await charge(world);
    expect(await Promise.all(heard)).toEqual([runId, runId]);
    expect((await world.claims.claim({ worker, max: 1 })).runs).toHaveLength(1);
  });

  it("is undone when its body throws, and what it threw arrives as it was", async () => {
    const { world, transactions, url } = await open();
    const thrown = new RangeError("no");
    const running = transactions.append(runId, async (tx) => {
      await insert(tx, "never");
      throw thrown;
    });
    await expect(running).rejects.toBe(thrown);
    expect(await state(world, url)).toEqual(nothing);
  });

  it("is undone when its run has ended meanwhile", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(runId, async (tx) => {
      await insert(tx, "never");
      await world.log.append(runId, cancellation());
      return completed();
    });
    expect(await running).toEqual({ kind: "refused", reason: { kind: "terminal" } });
    expect(await state(world, url)).toEqual({ ...nothing, log: ["run_cancelled cancel"] });
  });

  it("is undone when another delivery has taken its place meanwhile", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(runId, async (tx) => {
      await insert(tx, "never");
      expect(await deliverAgain(world)).toBe(true);
      return completed();
    });
    expect(await running).toMatchObject({ kind: "refused", reason: { kind: "entity" } });
    expect(await state(world, url)).toEqual({ ...nothing, log: ["step_started null"] });
    await charge(world, 2);
    expect(await state(world, url)).toEqual(once_(2, "step_started null"));
  });

  it("that is run again under its key is answered with the original, and undone", async () => {
    const { world, transactions, url } = await open();
    const first = await charge(world);
    const again = await transactions.append(runId, async (tx) => {
      await insert(tx, "never");
      return completed();
    });
    expect(again).toMatchObject({ kind: "appended", events: first.kind === "appended" && first.events });
    expect(await state(world, url)).toEqual(once_(1));
  });

  it("of a run that does not exist is undone", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(id("wrun", 9), async (tx) => {
      await insert(tx, "never");
      return completed();
    });
    await expect(running).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    expect(await state(world, url)).toEqual(nothing);
  });

  it("is not disturbed by others who write to its run while it works", async () => {
    const { world, transactions, url } = await open();
    const at = (await world.runs.get(runId))?.lastAt ?? 0;
    const hook = driverAppend(2, 3, { decisions: [hookCreated(1, "token", at)] });
    expect(await world.log.append(runId, hook)).toMatchObject({ kind: "appended" });
    const { world: other } = await worlds.open({ url, namespace: `test-${namespaces}` });
    const running = transactions.append(runId, async (tx) => {
      for (let n = 0; n < 5; n += 1) {
        await insert(tx, `row ${n}`);
        await other.log.append(runId, payloadFor(1, `k${n}`));
      }
      return completed();
    });
    expect(await running).toMatchObject({ kind: "appended", tail: 10 });
    expect((await state(world, url)).notes).toHaveLength(5);
  });

  it("can start a run, which is there if the step is", async () => {
    const { world, transactions } = await open();
    const start = (tx: StepTransaction) => transactions.create(tx, creation(2));
    await expect(
      transactions.append(runId, async (tx) => {
        await start(tx);
        throw new RangeError("no");
      }),
    ).rejects.toThrow("no");
    expect(await world.runs.get(id("wrun", 2))).toBeNull();
    await transactions.append(runId, async (tx) => {
      await start(tx);
      return completed();
    });
    expect(await world.runs.get(id("wrun", 2))).toMatchObject({ status: "pending" });
  });

  it("can hand its transaction to Drizzle", async () => {
    const { world, transactions, url } = await open();
    await transactions.append(runId, async (tx) => {
      // Drizzle asks for a client of `pg`, and uses its `query` alone.
      const db = drizzle(tx as unknown as Client);
      await db.execute(sql`INSERT INTO ledger (note) VALUES (${"by Drizzle"})`);
      return completed();
    });
    expect(await state(world, url)).toMatchObject({ notes: ["by Drizzle"] });
  });

  it("answers with rows as `pg` gives them", async () => {
    const { transactions } = await open();
    await transactions.append(runId, async (tx) => {
      const { rows, rowCount } = await tx.query("SELECT 5::bigint AS big, '\\x01'::bytea AS bytes, $1::int AS n", [3]);
      expect(rows).toEqual([{ big: "5", bytes: Buffer.from([1]), n: 3 }]);
      expect(rowCount).toBe(1);
      expect(await insert(tx, "a")).toMatchObject({ rows: [{ id: 1 }] });
      return completed();
    });
  });
});

describe("a transactional step is undone, and its attempt has failed, when", () => {
  it("a constraint that was deferred does not hold: the server's own error says so", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(runId, async (tx) => {
      await insert(tx, "twice");
      await insert(tx, "twice");
      return completed();
    });
    await expect(running).rejects.toMatchObject({ code: "23505" });
    expect(await state(world, url)).toEqual(nothing);
  });

  it("a statement has failed and the body did not care", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(runId, async (tx) => {
      await insert(tx, "never");
      await tx.query("SELECT 1 / 0").catch(() => {});
      return completed();
    });
    await expect(running).rejects.toMatchObject({ code: "25P02" });
    expect(await state(world, url)).toEqual(nothing);
  });

  it("it is serializable, by its own first statement, and somebody else came first", async () => {
    const { world, transactions, url } = await open();
    const running = transactions.append(runId, async (tx) => {
      await tx.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
      await tx.query("SELECT * FROM balances");
      await withClient(url, (client) => client.query("UPDATE balances SET amount = 1"));
      await tx.query("UPDATE balances SET amount = amount - 5");
      return completed();
    });
    await expect(running).rejects.toMatchObject({ code: "40001" });
    expect(await state(world, url)).toEqual({ ...nothing, amount: 1 });
  });

  it("the body has ended the transaction itself, which keeps what it committed", async () => {
    const { transactions } = await open();
    for (const end of ["COMMIT", "ROLLBACK", "COMMIT; BEGIN"]) {
      const running = transactions.append(runId, async (tx) => {
        await tx.query(end);
        return completed();
      });
      await expect(running).rejects.toMatchObject({ code: "FATAL" });
    }
  });

  it("the body's transaction is used after the body", async () => {
    const { world, transactions, url } = await open();
    let kept: StepTransaction | null = null;
    await transactions.append(runId, async (tx) => {
      kept = tx;
      return completed();
    });
    const late: StepTransaction = kept ?? expect.fail("the body ran");
    await expect(insert(late, "late")).rejects.toMatchObject({ code: "FATAL" });
    expect((await state(world, url)).notes).toEqual([]);
  });
});

it("more transactional steps than there are connections for them wait, and the store's own calls do not", async () => {
  const { world, transactions } = await open({ maxTransactions: 1 });
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = transactions.append(runId, async () => {
    entered.resolve();
    await gate.promise;
    order.push("first");
    return completed();
  });
  await entered.promise;
  const second = transactions.append(runId, async () => {
    order.push("second");
    return completed(1, "another key");
  });
  for (let n = 0; n < 12; n += 1) await world.runs.get(runId);
  expect(order).toEqual([]);
  gate.resolve();
  expect([(await first).kind, (await second).kind]).toEqual(["appended", "refused"]);
  expect(order).toEqual(["first", "second"]);
});

/** The same store, as a process opens it that remembers nothing. */
const openAgain = async ({ url, namespace }: Opened): Promise<World> => (await worlds.open({ url, namespace })).world;

/** The statements of one transaction of {@link charge}, as they are sent. */
async function statementsOf(world: World): Promise<readonly string[]> {
  const texts: string[] = [];
  stopWatching = watchStatements(async (_, text) => void texts.push(text));
  await charge(world);
  stopWatching();
  return texts;
}

/** As it travels: with the zero that ends the text of a query. */
const commit = "COMMIT\0";

/** Both or neither; and a delivery after it has happened once in effect. */
async function expectOnceInEffect(world: World, url: string): Promise<"written" | "not written"> {
  const after = await state(world, url);
  const isWritten = after.log.length > 0;
  expect(after).toEqual(isWritten ? once_(1) : nothing);
  if (await deliverAgain(world)) await charge(world, 2);
  expect(await state(world, url)).toEqual(isWritten ? once_(1) : once_(2, "step_started null"));
  return isWritten ? "written" : "not written";
}

describe("wherever it is struck, a transactional step has written all or nothing, and the next delivery once:", () => {
  it("the server ends the connection before any statement", async () => {
    const texts = await statementsOf((await open()).world);
    expect(texts.length).toBeGreaterThanOrEqual(8);
    expect(texts.at(-1)).toBe("COMMIT");
    for (const index of texts.keys()) {
      const { world, url } = await open();
      stopWatching = watchStatements(async (count, _, client) => {
        if (count === index + 1) await endConnection(url, client);
      });
      expect(await failed(charge(world)), texts[index]).toBe(true);
      stopWatching();
      expect(await expectOnceInEffect(world, url), texts[index]).toBe("not written");
    }
  });

  it("the answer to any statement is lost", async () => {
    const marks = [
      "SET LOCAL perdure",
      "INSERT INTO ledger",
      "UPDATE balances",
      "SET CONSTRAINTS",
      "FOR UPDATE",
      "write_run",
    ];
    const proxy = await worlds.openProxy();
    for (const [index, mark] of marks.entries()) {
      const { world } = await open({ url: proxy.url });
      proxy.cutAnswerTo(mark);
      expect(await failed(charge(world)), mark).toBe(true);
      expect(proxy.cuts).toBe(index + 1);
      expect(await expectOnceInEffect(world, proxy.target), mark).toBe("not written");
    }
  });

  it("the answer to the commit is lost: the log is asked, and has the result", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await open({ url: proxy.url });
    proxy.cutAnswerTo(commit);
    expect(await charge(world)).toMatchObject({ kind: "appended", tail: 4, events: [{ type: "step_completed" }] });
    expect(proxy.cuts).toBe(1);
    expect(await expectOnceInEffect(world, proxy.target)).toBe("written");
  });

  it("the commit reaches the server late: the log is asked, and answers when it has been made", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await open({ url: proxy.url });
    proxy.holdBack(commit);
    const running = charge(world);
    running.catch(() => {});
    await waitingForLock(proxy.target);
    proxy.release();
    expect(await running).toMatchObject({ kind: "appended", tail: 4 });
    expect(await expectOnceInEffect(world, proxy.target)).toBe("written");
  });

  it("the commit never reaches the server: the log is asked, and has nothing", async () => {
    const { world, url } = await open();
    stopWatching = watchStatements(async (_, text, client) => {
      if (text === "COMMIT") await endConnection(url, client);
    });
    expect(await failure(charge(world))).toMatchObject({ code: "STORE_UNAVAILABLE", outcome: "none" });
    stopWatching();
    expect(await expectOnceInEffect(world, url)).toBe("not written");
  });

  it("the process is killed before a statement, or after the last one", async () => {
    const texts = await statementsOf(await openAgain(await open()));
    const all = [...texts.keys(), texts.length].map((index) => index + 1);
    const isLong = process.env["PERDURE_LONG"] === "1";
    // The moments around the commit, and the one before the first write.
    const struck = isLong ? all : all.filter((count) => count === 2 || count >= texts.length - 1);
    for (const count of struck) {
      const { world, url, namespace } = await open();
      await runKilled([url, namespace, String(count)]);
      const expected = count > texts.length ? "written" : "not written";
      expect(await expectOnceInEffect(world, url), `statement ${count}`).toBe(expected);
    }
  });
});

const failed = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => false,
    () => true,
  );

/** The server ends the session of a client, as it does when it shuts down, and it is gone. */
async function endConnection(url: string, client: Client): Promise<void> {
  // Known by `pg` after the connection was made, and not in its types.
  const { processID } = client as unknown as { readonly processID: number };
  await withClient(url, async (other) => {
    await other.query("SELECT pg_terminate_backend($1, 5000)", [processID]);
  });
}

async function untilListening(url: string): Promise<void> {
  const listening = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'LISTEN%'";
  await withClient(url, async (client) => {
    while ((await client.query(listening)).rows.length < 2);
  });
}

/** Until somebody waits for the lock of a row. */
async function waitingForLock(url: string): Promise<void> {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await withClient(url, async (client) => {
    while ((await client.query(waiting)).rows.length === 0);
  });
}

async function runKilled(args: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL("killed-step.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@perdure/source", script, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
}
