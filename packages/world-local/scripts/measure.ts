/**
 * What the store costs, beside a bare commit of the same bytes on the same disk.
 *
 * Run: `node --conditions=@perdure/source packages/world-local/scripts/measure.ts [directory]`. The directory decides
 * which disk is measured; default: the system's temporary one. Prints medians.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { invariant } from "@perdure/errors";
import type { CreateRequest, DriverAppend, NewDecision, NewFact, World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { loadSqlite } from "../src/sqlite.ts";

const payload = new Uint8Array(200).fill(7);
const worker = { id: "worker-1", leaseMs: 60_000, workflows: ["workflow//order"] };
const id = (kind: string, n: number): string => `${kind}_${String(n).padStart(26, "0")}`;

function stepCreated(n: number, at: number, cause: number): NewDecision {
  const data = {
    stepId: "step//./workflows/order.ts//charge",
    name: "charge",
    ordinal: n,
    inputDigest: "a".repeat(43),
    shape: null,
    dispatch: "inline",
    attempt: 1,
  } as const;
  return { type: "step_created", correlationId: id("step", n), at, cause, data, payload };
}

function stepCompleted(n: number, at: number): NewFact {
  return {
    type: "step_completed",
    correlationId: id("step", n),
    at,
    data: { attempt: 1, delivery: 1 },
    payload,
  };
}

function creation(n: number, at: number): CreateRequest {
  const runId = id("wrun", n);
  const created = {
    specVersion: 1,
    guestAbi: 1,
    bundleId: `bundle_${"b".repeat(64)}`,
    workflowId: "workflow//order",
    workflowName: "order",
    seed: "5e".repeat(32),
    isolation: "shared",
    locale: "en-US",
    timeZone: "UTC",
    node: process.version,
    icu: "77.1",
    key: null,
    parentRunId: null,
    rootRunId: runId,
    trace: null,
    inputDigest: "a".repeat(43),
  } as const;
  const started: NewFact = { type: "run_started", correlationId: null, at, data: {}, payload: null };
  const eager = { worker: worker.id, facts: [started], decisions: [stepCreated(1, at, 2)], release: null };
  return { runId, created, input: payload, eager };
}

/** The driver's append that ends step k and asks for step k + 1; before it the log has 3 events and 2 per append. */
function turn(k: number, now: number): DriverAppend {
  const tail = 1 + 2 * k;
  return {
    by: "driver",
    epoch: 1,
    n: k + 1,
    ifTail: tail,
    after: tail,
    facts: [stepCompleted(k, now)],
    decisions: [stepCreated(k + 1, now, tail + 1)],
    release: null,
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const micro = (ms: number): string => `${(ms * 1000).toFixed(1)} us`;

/** A bare commit: one row that holds as many bytes as the two events of a turn. */
function bareCommits(directory: string): () => number {
  const db = new (loadSqlite().DatabaseSync)(join(directory, "bare.db"));
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, bytes BLOB)");
  const insert = db.prepare("INSERT INTO t (bytes) VALUES (?)");
  const now = Date.now();
  const size = JSON.stringify([stepCompleted(1, now).data, stepCreated(2, now, 1).data]).length + 2 * (200 + 60);
  const bytes = new Uint8Array(size);
  return () => {
    const start = performance.now();
    insert.run(bytes);
    return performance.now() - start;
  };
}

/** In turns of 100, so that a noisy neighbour meets both. */
async function sequential(world: World, bare: () => number): Promise<void> {
  await world.runs.create(creation(1, Date.now()));
  const ours: number[] = [];
  const raw: number[] = [];
  for (let k = 1; k <= 5_000; k += 1) {
    const request = turn(k, Date.now());
    const start = performance.now();
    const result = await world.log.append(id("wrun", 1), request);
    ours.push(performance.now() - start);
    invariant(result.kind === "appended", `append ${k} was not written: ${JSON.stringify(result)}`);
    if (k % 100 === 0) for (let n = 0; n < 100; n += 1) raw.push(bare());
  }
  // The first thousand commits of each let its log grow to the size at which it starts anew.
  const [a, b] = [median(ours.slice(1_000)), median(raw.slice(1_000))];
  console.log(`one append: ${micro(a)}; bare commit: ${micro(b)}; ratio ${(a / b).toFixed(2)}`);
}

async function bulk(world: World): Promise<void> {
  const count = 10_000;
  const requests = Array.from({ length: count }, (_, n) => creation(n + 10, Date.now()));
  let start = performance.now();
  await Promise.all(requests.map((request) => world.runs.create(request)));
  const createMs = performance.now() - start;
  console.log(`create, grouped: ${micro(createMs / count)} each, ${Math.round((count / createMs) * 1000)} runs/s`);
  start = performance.now();
  await Promise.all(requests.map(({ runId }) => world.log.append(runId, turn(1, Date.now()))));
  const appendMs = performance.now() - start;
  console.log(`append, grouped: ${micro(appendMs / count)} each, ${Math.round((count / appendMs) * 1000)} appends/s`);
}

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "perdure-measure-"));
const world = await createLocalWorld({ path: join(directory, "store.db") });
await world.claims.heartbeat(worker);
const bare = bareCommits(directory);
await sequential(world, bare);
await bulk(world);
await world.close();
rmSync(directory, { recursive: true });
