/** The queries find what they are for: each is run over tables that were altered behind the store's back. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRun, getStepMetadata, getWorkflowMetadata, resumeHook, start, startWorker } from "@perdure/core";
import { createPostgresWorld } from "@perdure/world-postgres";
import { startServer, withClient } from "@perdure/world-postgres/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Ledger, readLedger } from "../crash/ledger.ts";
import { modulePath } from "../deploy/assignment.ts";
import { build } from "../deploy/builds.ts";
import { ledgerPath } from "./assignment.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";
import { readModule, registerPrograms } from "./register-programs.ts";
import { storePromises } from "./store-promises.ts";
import { BodyStreams } from "./stream-writer.ts";
import type { Promises } from "./traffic.ts";
import { witnessedWorld } from "./witnessed-world.ts";

const folder = mkdtempSync(join(tmpdir(), "perdure-promises-"));
const promises: Promises = { starts: [], payloads: [], cancels: [] };
const key = "run-1";
let url = "";
let stop = async (): Promise<void> => {};

/** A real run with a step, a hook and a sleep, seen to its end by a client and by the witness of its worker. */
beforeAll(async () => {
  const server = await startServer("");
  stop = () => server.stop([], []);
  url = server.url("postgres");
  const workflowId = await build(folder, {
    name: "witnessed",
    steps: ["work(k: number)"],
    body: `  const payload = await createHook({ token: "token" });
  await work(1);
  await sleep(1);
  return payload;`,
  });
  const ledger = new Ledger<UnsignedChaosEntry>(ledgerPath(folder));
  const world = witnessedWorld(await createPostgresWorld({ url }), ledger);
  registerPrograms([readModule(modulePath(folder, "witnessed"))], async () => {
    const { stepId: step, attempt, delivery } = getStepMetadata();
    const place = { run: getWorkflowMetadata().workflowRunId, step, attempt, delivery };
    await new BodyStreams(world.streams, ledger, place).work();
    return "done";
  });
  const worker = await startWorker({ world, onError: () => {} });
  const { runId } = await start({ workflowId }, [], { key, world });
  promises.starts.push({ key, runId });
  const { hookId } = await resumeHook("token", 1, { world, wait: "20s", idempotencyKey: "payload" });
  promises.payloads.push({ key: "payload", runId, hookId });
  await getRun(runId, { world }).returnValue;
  await worker.stop();
  await world.close();
}, 60_000);

afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

/** What is found to be broken once the tables are altered. */
async function brokenAfter(
  alteration: string,
  told: Promises = promises,
  hasClaims = true,
): Promise<readonly string[]> {
  const ledger = readLedger<UnsignedChaosEntry>(ledgerPath(folder)).filter(({ kind }) => hasClaims || kind !== "claim");
  return await withClient(url, async (client) => {
    await client.query("BEGIN");
    await client.query(alteration);
    const broken: string[] = [];
    for (const { promise, sql, values } of storePromises(told, ledger)) {
      const { rows } = await client.query(sql, [...values]);
      if (rows.length > 0) broken.push(promise);
    }
    await client.query("ROLLBACK");
    return broken;
  });
}

const events = "perdure.events";
const ofType = (type: string, column: string): string => `(SELECT ${column} FROM ${events} WHERE type = '${type}')`;

test("tables that nobody has altered break no promise", async () => {
  expect(await brokenAfter("SELECT 1")).toEqual([]);
});

test.each([
  ["an event is gone", `DELETE FROM ${events} WHERE type = 'step_created'`, "positions are dense"],
  [
    "an event is of an epoch to come",
    `UPDATE ${events} SET epoch = 9 WHERE type = 'run_started'`,
    "epochs never go down",
  ],
  [
    "a step is over twice",
    `UPDATE ${events} SET type = 'step_completed', correlation_id = ${ofType("step_completed", "correlation_id")} WHERE type = 'wait_completed'`,
    "a step is over once",
  ],
  ["a run has not ended", "UPDATE perdure.runs SET ended_at = NULL", "nothing follows a terminal event"],
  [
    "a key is used twice",
    `UPDATE ${events} SET key = ${ofType("hook_received", "key")} WHERE type = 'wait_completed'`,
    "one key of an outside writer",
  ],
  [
    "a token outlives its run",
    `INSERT INTO perdure.hook_tokens (namespace, token_hash, run_id, correlation_id, position)
SELECT namespace, 'hash', run_id, correlation_id, position FROM ${events} WHERE type = 'hook_created'`,
    "a token is free",
  ],
  ["a run has another key", "UPDATE perdure.runs SET key = 'other'", "a run whose start was acknowledged"],
  ["a payload is gone", `UPDATE ${events} SET key = 'other' WHERE type = 'hook_received'`, "a payload that was"],
  [
    "a job outlives its run",
    `INSERT INTO perdure.step_jobs (namespace, run_id, correlation_id, step_id, position, attempt, delivery, ready_at)
SELECT namespace, run_id, correlation_id, 'step', position, 1, 0, 0 FROM ${events} WHERE type = 'step_created'`,
    "no job",
  ],
  ["a chunk is gone", "DELETE FROM perdure.stream_chunks WHERE index = 0", "the chunks of a stream"],
  ["a stream counts wrong", "UPDATE perdure.streams SET count = count + 1", "the chunks of a stream"],
  [
    "a result is of another attempt",
    `UPDATE ${events} SET data = '{"attempt":2,"delivery":1}' WHERE type = 'step_completed'`,
    "what a worker was told",
  ],
])("it is found that %s", async (_case, alteration, promise) => {
  expect(await brokenAfter(alteration)).toContainEqual(expect.stringContaining(promise));
});

test("a cancellation that was acknowledged and is not there is found", async () => {
  const [{ runId } = { runId: "" }] = promises.starts;
  const told = { ...promises, cancels: [{ key: "cancel", runId }] };
  expect(await brokenAfter("SELECT 1", told)).toEqual([expect.stringContaining("a cancellation")]);
});

test("an epoch that no worker was given is found", async () => {
  expect(await brokenAfter("SELECT 1", promises, false)).toEqual([expect.stringContaining("every epoch")]);
});
