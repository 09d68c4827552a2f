/** Steps that write once, struck at every statement: what they write is there once, with the result of whoever wrote it. */
import { spawn } from "node:child_process";
import { once as event } from "node:events";
import { fileURLToPath } from "node:url";
import { CuttingProxy } from "@perdure/world-postgres/testing";
import { withClient } from "@perdure/world-postgres/testing/databases";
import type { OncePool } from "perdure/once";
import type { Pool, PoolClient } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { nothing, ProgramDatabases, state, waitingForLock } from "./once-databases.ts";
import { charge, watched } from "./once-steps.ts";

const program = new ProgramDatabases();

/** As it travels: with the zero that ends the text of a query. */
const commit = "COMMIT\0";

async function openProxy() {
  const { url, pool: direct } = await program.open();
  const proxy = await CuttingProxy.to(url);
  onTestFinished(() => proxy.close());
  return { url, direct, proxy, pool: program.pool(proxy.url) };
}

/** All or nothing is there; and after the next start it is there once, and that start has the result of whoever wrote it. */
async function expectOnce(url: string, pool: Pool, expected: "written" | "not written", note: string): Promise<void> {
  const written = { notes: [note], names: [""], withoutResult: 0 };
  expect(await state(url)).toEqual(expected === "written" ? written : nothing);
  const winner = expected === "written" ? note : "next";
  expect(await charge(pool, "next")).toBe(winner);
  expect(await state(url)).toEqual({ ...written, notes: [winner] });
}

async function statements(pool: Pool): Promise<readonly string[]> {
  const texts: string[] = [];
  const seen = watched(pool, async (_, text) => void texts.push(text));
  await charge(seen, "seen");
  return texts;
}

/** Numbers from 0 to 1 that follow from the seed. */
function chanceOf(seed: number): () => number {
  let last = seed;
  return () => {
    last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0;
    return last / 2 ** 32;
  };
}

/** The server ends the session of a client, as it does when it shuts down, and it is gone. */
async function endConnection(url: string, client: PoolClient): Promise<void> {
  // Known by `pg` after the connection was made, and not in its types.
  const { processID } = client as unknown as { readonly processID: number };
  await withClient(url, (other) => other.query("SELECT pg_terminate_backend($1, 5000)", [processID]));
}

it("the server ends the connection before any statement, the commit included", async () => {
  const texts = await statements((await program.open()).pool);
  expect(texts.map((text) => /^\S+/.exec(text)?.[0])).toEqual([
    "BEGIN",
    "SELECT",
    "INSERT",
    "INSERT",
    "UPDATE",
    "COMMIT",
  ]);
  for (const index of texts.keys()) {
    const { url, pool } = await program.open();
    let isStruck = false;
    const struck = watched(pool, async (count, _, client) => {
      if (isStruck || count !== index + 1) return;
      isStruck = true;
      await endConnection(url, client);
    });
    await expect(charge(struck, "struck"), texts[index]).rejects.toThrow();
    await expectOnce(url, pool, "not written", "struck");
  }
});

it("the answer to any statement before the commit is lost", async () => {
  const marks = ["BEGIN ISOLATION", "to_regclass", 'INSERT INTO "perdure_once"', "INSERT INTO ledger", "SET result"];
  for (const mark of marks) {
    const { url, direct, proxy, pool } = await openProxy();
    proxy.cutAnswerTo(mark);
    await expect(charge(pool, "struck"), mark).rejects.toThrow();
    expect(proxy.cuts, mark).toBe(1);
    await expectOnce(url, direct, "not written", "struck");
  }
});

it("the answer to the commit is lost: the table is asked, and has the result", async () => {
  const { url, direct, proxy, pool } = await openProxy();
  proxy.cutAnswerTo(commit);
  expect(await charge(pool, "struck")).toBe("struck");
  expect(proxy.cuts).toBe(1);
  await expectOnce(url, direct, "written", "struck");
});

it("the answer to the commit is lost, and so is that of the table: the next start has the result", async () => {
  const { url, direct, proxy, pool } = await openProxy();
  let connections = 0;
  const lost = new RangeError("no connection");
  const failing: OncePool = {
    connect: () => (++connections === 1 ? pool.connect() : Promise.reject(lost)),
  };
  proxy.cutAnswerTo(commit);
  const error: unknown = await charge(failing, "struck").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBe(lost);
  expect(connections).toBe(2);
  await expectOnce(url, direct, "written", "struck");
});

it("the commit reaches the server late: whoever asks the table waits for it, and so does another start", async () => {
  const { url, direct, proxy, pool } = await openProxy();
  proxy.holdBack(commit);
  const running = charge(pool, "struck");
  await waitingForLock(url);
  const other = charge(direct, "other");
  proxy.release();
  expect(await Promise.all([running, other])).toEqual(["struck", "struck"]);
  await expectOnce(url, direct, "written", "struck");
});

it("the commit never reaches the server: the table is asked, and has nothing", async () => {
  const { url, direct, proxy, pool } = await openProxy();
  proxy.holdBack(commit);
  const running = charge(pool, "struck");
  running.catch(() => {});
  await waitingForLock(url);
  const idle = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'";
  await withClient(url, (client) => client.query(`${idle} AND datname = current_database()`));
  await expect(running).rejects.toThrow();
  await expectOnce(url, direct, "not written", "struck");
});

it("many starts at once, whose connections are ended at random: one has written, and all have its result", async () => {
  const { url, pool } = await program.open(8);
  const chance = chanceOf(7);
  let ended = 0;
  const struck = watched(pool, async (_, __, client) => {
    if (chance() > 0.15) return;
    ended += 1;
    await endConnection(url, client);
  });
  const start = async (note: string): Promise<string> => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await charge(struck, `${note}/${attempt}`).catch(() => null);
      if (result !== null) return result;
    }
  };
  const results = await Promise.all(Array.from({ length: 24 }, (_, index) => start(`start ${index}`)));
  const { notes, names, withoutResult } = await state(url);
  expect({ notes, names, withoutResult }).toEqual({ notes: [results[0]], names: [""], withoutResult: 0 });
  expect(new Set(results).size).toBe(1);
  expect(ended).toBeGreaterThan(5);
});

it("the process is killed before a statement, or after the last one", async () => {
  const { length } = await statements((await program.open()).pool);
  const all = Array.from({ length: length + 1 }, (_, index) => index + 1);
  const isLong = process.env["PERDURE_LONG"] === "1";
  // Before the result is in the row, before the commit, and after it.
  for (const count of isLong ? all : all.slice(-3)) {
    const { url, pool } = await program.open();
    const script = fileURLToPath(new URL("killed-once.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=@perdure/source", script, url, String(count)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    expect(await event(child, "exit")).toEqual([null, "SIGKILL"]);
    await expectOnce(url, pool, count > length ? "written" : "not written", "killed");
  }
});
