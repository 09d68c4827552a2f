/** A real worker, with its thread, whose PostgreSQL server is put back to an earlier state under it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { getRun, getStepMetadata, resumeHook, start, startWorker, type Worker } from "@perdure/core";
import type { World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import { backUp, putBack, startServer, type TestServer, withClient } from "@perdure/world-postgres/testing";
import { PerdureError } from "perdure/errors";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { readModule, registerPrograms } from "./chaos/register-programs.ts";
import { modulePath } from "./deploy/assignment.ts";
import { build } from "./deploy/builds.ts";

const folder = mkdtempSync(join(tmpdir(), "perdure-restored-"));
const leaseMs = 1_200;

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 60_000;

interface Body {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly end: (result: unknown) => void;
}

/** The bodies that were started, in order; each ends when the test says so. */
const bodies: Body[] = [];
let server: TestServer;
let workflowId = "";

beforeAll(async () => {
  server = await startServer("-c fsync=on");
  workflowId = await build(folder, {
    name: "restored",
    steps: ["first()", "second()"],
    body: `  const results = [await first(), await second()];
  const word = await createHook({ token: "word" });
  return [...results, word];`,
  });
  registerPrograms([readModule(modulePath(folder, "restored"))], (name) => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    bodies.push({ name, signal: getStepMetadata().signal, end: resolve });
    return promise;
  });
}, timeoutMs);

afterAll(async () => {
  await server.stop([], []);
  rmSync(folder, { recursive: true });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20);
}

interface Scene {
  readonly url: string;
  readonly world: World;
  readonly worker: Worker;
  /** Codes of what the worker has told. */
  readonly told: string[];
}

async function open(database: string): Promise<Scene> {
  bodies.length = 0;
  await withClient(server.url("postgres"), (client) => client.query(`CREATE DATABASE ${database}`));
  const url = server.url(database);
  const world = await createPostgresWorld({ url, timeoutMs: 5_000, pollMs: 100 });
  const told: string[] = [];
  const onError = (error: unknown): number => told.push(error instanceof PerdureError ? error.code : String(error));
  const worker = await startWorker({ world, leaseMs, sweepMs: 100, onError });
  onTestFinished(async () => {
    for (const { end } of bodies) end("over");
    await worker.stop({ graceMs: 0 });
    await world.close();
  });
  return { url, world, worker, told };
}

const beatsOf = (url: string): Promise<number> =>
  withClient(url, async (client) => {
    const { rows } = await client.query("SELECT coalesce(sum(beats), 0)::integer AS beats FROM perdure.workers");
    return rows[0].beats as number;
  });

/** The thread has beaten, and knows of it: it asks for a beat only when the one before was answered. */
async function untilBeaten(url: string): Promise<void> {
  const before = await beatsOf(url);
  await until(async () => (await beatsOf(url)) >= before + 2);
}

const places: readonly (readonly [string, string, (url: string) => Promise<void>, (url: string) => Promise<void>])[] = [
  ["whose rows are put back", "rows", backUp, putBack],
  ["whose data folder is put back", "folder", () => server.backUp(), () => server.putBack()],
];

test.each(places)(
  "a server %s costs a worker what it held, and no run its end",
  async (_place, database, copy, restore) => {
    const { url, world, worker, told } = await open(database);
    const { runId } = await start({ workflowId }, [], { world });
    await until(() => bodies.length === 1);
    await copy(url);
    bodies[0]?.end("lost");
    await until(() => bodies.length === 2);
    await untilBeaten(url);
    const before = worker.id;
    await restore(url);
    await until(() => worker.id !== before);
    expect([bodies.length, bodies[1]?.signal.aborted]).toEqual([2, true]);
    bodies[1]?.end("of before");
    await until(() => bodies.length === 3);
    bodies[2]?.end("one");
    await until(() => bodies.length === 4);
    bodies[3]?.end("two");
    await resumeHook("word", "three", { world, wait: "20s" });
    expect(await getRun(runId, { world }).returnValue).toEqual(["one", "two", "three"]);
    expect(bodies.map(({ name }) => name)).toEqual(["first", "second", "first", "second"]);
    expect(told.filter((code) => code !== "STORE_UNAVAILABLE")).toEqual(["STORE_RESTORED"]);
  },
  timeoutMs,
);
