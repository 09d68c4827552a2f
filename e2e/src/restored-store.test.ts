/** A real worker, with its thread, whose PostgreSQL server is put back to an earlier state under it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { getRun, getStepMetadata, resumeHook, start, startWorker, type Worker } from "@perdure/core";
import type { World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import {
  archiverMissing,
  dump,
  restoreDump,
  startServer,
  type TestServer,
  withClient,
} from "@perdure/world-postgres/testing";
import { PerdureError } from "perdure/errors";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { readModule, registerPrograms } from "./chaos/register-programs.ts";
import { modulePath } from "./deploy/assignment.ts";
import { build } from "./deploy/builds.ts";

const folder = mkdtempSync(join(tmpdir(), "perdure-restored-"));
const leaseMs = 2_400;

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 60_000;

/** What the bodies wait for, and bring: before the store is put back, and after. A lost lease starts one of them again. */
interface Course {
  isPutBack: boolean;
  firstStarted: boolean;
  /** Resolves when the copy of the store is made. */
  readonly copied: PromiseWithResolvers<void>;
  /** Resolves when the bodies of before may end. */
  readonly over: PromiseWithResolvers<void>;
  /** Those of the second step that were started before. */
  readonly signals: AbortSignal[];
}

let course: Course;

async function body(name: string): Promise<string> {
  const { isPutBack, copied, over, signals } = course;
  if (isPutBack) return name === "first" ? "one" : "two";
  course.firstStarted = true;
  if (name === "second") signals.push(getStepMetadata().signal);
  await (name === "first" ? copied : over).promise;
  return "of before";
}

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
  registerPrograms([readModule(modulePath(folder, "restored"))], body);
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
  const gates = { copied: Promise.withResolvers<void>(), over: Promise.withResolvers<void>() };
  course = { isPutBack: false, firstStarted: false, signals: [], ...gates };
  await withClient(server.url("postgres"), (client) => client.query(`CREATE DATABASE ${database}`));
  const url = server.url(database);
  const world = await createPostgresWorld({ url, timeoutMs: 5_000, pollMs: 100 });
  const told: string[] = [];
  const onError = (error: unknown): number => told.push(error instanceof PerdureError ? error.code : String(error));
  const worker = await startWorker({ world, leaseMs, sweepMs: 100, onError });
  onTestFinished(async () => {
    gates.copied.resolve();
    gates.over.resolve();
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

interface Way {
  readonly database: string;
  readonly copy: (url: string) => Promise<void>;
  readonly restore: (url: string) => Promise<void>;
  /** Why it cannot be gone here. */
  readonly missing: string | null;
}

const dumpFile = join(folder, "perdure.dump");

const ways: readonly (readonly [what: string, way: Way])[] = [
  [
    "schema is made anew by pg_restore",
    {
      database: "schema",
      copy: (url) => dump(url, dumpFile),
      restore: (url) => restoreDump(url, dumpFile),
      missing: archiverMissing,
    },
  ],
  [
    "data folder is put back",
    { database: "folder", copy: () => server.backUp(), restore: () => server.putBack(), missing: null },
  ],
];

for (const [what, { database, copy, restore, missing }] of ways) {
  // `missing` says why.
  test.skipIf(missing !== null)(
    `a server whose ${what} costs a worker what it held, and no run its end`,
    async () => {
      const { url, world, worker, told } = await open(database);
      const { runId } = await start({ workflowId }, [], { world });
      await until(() => course.firstStarted);
      await copy(url);
      course.copied.resolve();
      await until(() => course.signals.length > 0);
      await untilBeaten(url);
      const before = worker.id;
      const signals = [...course.signals];
      course.isPutBack = true;
      await restore(url);
      await until(() => worker.id !== before);
      expect(signals.every(({ aborted }) => aborted)).toBe(true);
      course.over.resolve();
      await resumeHook("word", "three", { world, wait: "50s" });
      expect(await getRun(runId, { world }).returnValue).toEqual(["one", "two", "three"]);
      expect(told.filter((code) => code === "STORE_RESTORED")).toHaveLength(1);
    },
    timeoutMs,
  );
}
