/**
 * A store that is recorded while it is used: its files byte for byte, and what was acknowledged after each commit.
 *
 * The files are taken while the store is open, as a power cut would leave them.
 */
import { existsSync, readFileSync } from "node:fs";
import { invariant, WorkflowRunNotFoundError } from "@perdure/errors";
import type { LogEvent, NewDecision, NewFact, StreamEnd, World } from "@perdure/world";
import { worldOn } from "../src/local-world.ts";
import { Store, type StoreSettings } from "../src/store.ts";
import { cancellation, creation, eagerCreation, id, payloadFor, streamBatch, worker } from "./request-values.ts";

/** What a store answers about everything that the script has put into it, one answer a question. */
export type Answers = ReadonlyMap<string, string>;

export interface Recording {
  /** The main file, and the -wal file; null when there is none. */
  readonly main: Buffer;
  readonly log: Buffer | null;
  /** The answers after each acknowledged commit, from the first that the main file alone may hold. */
  readonly history: readonly Answers[];
}

/** Every clock of a recording stands still here, so that equal requests lead to equal rows. */
export const recordedAt = Date.now();

export const settingsFor = (file: string): StoreSettings => ({
  file,
  namespace: "default",
  now: () => recordedAt,
  lockWaitMs: 1_000,
  watch: false,
  pollMs: 100,
});

/** Where the data stand when the files are taken; the tables are in the main file. */
export type Shape = "in the log alone" | "in the main file alone" | "in both files";

/** Runs the script on a new store and takes its files. */
export async function record(file: string, shape: Shape): Promise<Recording> {
  await (await Store.open(settingsFor(file))).close();
  const store = await Store.open(settingsFor(file));
  store.db.exec("PRAGMA wal_autocheckpoint = 0");
  const world = worldOn(store, false);
  const history = [await ask(world)];
  for (const [index, step] of script.entries()) {
    // The log is started anew by the next commit, over the frames that are in the main file now.
    if (shape === "in both files" && index === halfway) store.db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    expectTaken(await step(world));
    history.push(await ask(world));
  }
  if (shape === "in the main file alone") await world.close();
  const recording = { main: readFileSync(file), log: logOf(file), history };
  await world.close();
  return recording;
}

/** The files of a new store that nothing was put into, before anything of it was copied from the log. */
export async function recordCreation(file: string): Promise<Recording> {
  const store = await Store.open(settingsFor(file));
  const recording = { main: readFileSync(file), log: logOf(file), history: [await ask(worldOn(store, false))] };
  await store.close();
  return recording;
}

/** The world may refuse a request without an error; a recording is of requests that it took. */
function expectTaken(result: unknown): void {
  const kind = typeof result === "object" && result !== null && "kind" in result ? result.kind : "appended";
  invariant(kind === "appended" || kind === "created", `a step of the recording was ${String(kind)}`);
}

const logOf = (file: string): Buffer | null => (existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`) : null);

export type Step = (world: World) => Promise<unknown>;

/** Of the script: its first steps are copied into the main file, where the data are in both files. */
const halfway = 10;

const runs = 5;
/** The payload of the last event that the script writes. */
export const newestPayload = new Uint8Array(300).fill(7);
const bundleBytes = new Uint8Array(300).fill(0x62);
/** Longer than a page, so that it has pages of its own. */
const longPayload = new Uint8Array(5_000).map((_, index) => (index * 31) % 251);

/**
 * One request and so one acknowledged commit each; together they write every table, and every kind of change of a run.
 */
export const script: readonly Step[] = [
  (world) => world.bundles.put("bundle_1", bundleBytes),
  (world) => world.claims.heartbeat(worker),
  (world) => world.runs.create(eager(0, "token-0")),
  (world) => world.streams.append(id("wrun", 0), streamBatch(1, ["first", "second"])),
  (world) => world.streams.append(id("wrun", 0), streamBatch(2, ["third"], { error: new Uint8Array([5, 6]) })),
  (world) => world.runs.create(keyed(2, "order-2")),
  (world) => world.log.append(id("wrun", 0), payloadFor(0, "short")),
  (world) => appendByDriver(world, 0, 2, 4, [], [stepCreated(0)]),
  (world) => world.runs.create(eager(1, "token-1")),
  (world) => appendByDriver(world, 0, 3, 5, [stepCompleted(0)], []),
  (world) => world.log.append(id("wrun", 1), payloadFor(1, "long", longPayload)),
  (world) => world.park(id("wrun", 1), 1, { reason: "needs_step", detail: "charge", position: 3 }),
  (world) => world.log.append(id("wrun", 2), cancellation()),
  (world) => world.runs.create(creation(3)),
  (world) => world.claims.claim({ worker, max: 1 }),
  (world) => world.runs.create(eager(4, null)),
  (world) => appendByDriver(world, 4, 2, 2, [], [completed()]),
  (world) => world.log.append(id("wrun", 0), payloadFor(0, "last", newestPayload)),
];

const eager = (n: number, token: string | null) => eagerCreation(n, token, worker.id, recordedAt);

function keyed(n: number, key: string) {
  const request = creation(n);
  return { ...request, created: { ...request.created, key } };
}

function appendByDriver(
  world: World,
  run: number,
  n: number,
  after: number,
  facts: readonly NewFact[],
  decisions: readonly NewDecision[],
) {
  const request = { by: "driver", epoch: 1, n, after, ifTail: null, facts, decisions, release: null } as const;
  return world.log.append(id("wrun", run), request);
}

const stepCreated = (n: number): NewDecision => ({
  type: "step_created",
  correlationId: id("step", n),
  at: recordedAt,
  cause: 4,
  data: {
    stepId: "step//charge",
    name: "charge",
    ordinal: 1,
    inputDigest: "v1:step",
    shape: "(order)",
    dispatch: "inline",
    attempt: 1,
  },
  payload: new Uint8Array(40).fill(5),
});

const stepCompleted = (n: number): NewFact => ({
  type: "step_completed",
  correlationId: id("step", n),
  at: null,
  data: { attempt: 1, delivery: 1 },
  payload: new Uint8Array(60).fill(6),
});

const completed = (): NewDecision => ({
  type: "run_completed",
  correlationId: null,
  at: recordedAt,
  cause: 2,
  data: {},
  payload: new Uint8Array(30).fill(8),
});

/** Every question about what the script writes, answered by the world. An error is thrown on. */
export async function ask(world: World): Promise<Answers> {
  const answers = new Map<string, string>();
  for (const [question, answer] of questions) answers.set(question, await answer(world));
  return answers;
}

/** What can be asked of a recorded store. Together the answers are everything that the world has acknowledged. */
export const questions: ReadonlyMap<string, (world: World) => Promise<string>> = new Map([
  ["incarnation", async (world: World) => (await world.describe()).incarnation],
  ["list", async (world: World) => textOf((await world.runs.list({ limit: 100 })).items)],
  ["bundle", async (world: World) => Buffer.from((await world.bundles.get("bundle_1")) ?? []).toString("hex")],
  ...Array.from({ length: 2 }, (_, n) => [`token ${n}`, askToken(n)] as const),
  ...Array.from({ length: runs }, (_, n) => [`run ${n}`, askRun(n)] as const),
  ...Array.from({ length: runs }, (_, n) => [`log ${n}`, askLog(n)] as const),
  ["stream", askStream],
]);

function askToken(n: number) {
  return async (world: World) => textOf(await world.hooks.find(`token-${n}`));
}

function askRun(n: number) {
  return async (world: World) => textOf(await world.runs.get(id("wrun", n)));
}

function askLog(n: number) {
  return async (world: World) => {
    const events = await world.log.read(id("wrun", n), { after: 0, limit: 1_000 });
    return textOf(events.map(withHex));
  };
}

/** The whole stream that the script writes; nothing while its run is not there. */
async function askStream(world: World): Promise<string> {
  const hex = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString("hex");
  try {
    const page = await world.streams.read(id("wrun", 0), "out", { from: 0, limit: 10 });
    const infos = await world.streams.list(id("wrun", 0), { after: null, limit: 10 });
    if (infos.length === 0) return "[]";
    const { end, ...rest } = page;
    return textOf([
      infos.map(({ end: _, ...info }) => info),
      rest.chunks.map(hex),
      rest.count,
      end?.by,
      hex(errorOf(end)),
    ]);
  } catch (error) {
    if (WorkflowRunNotFoundError.is(error)) return "null";
    throw error;
  }
}

const errorOf = (end: StreamEnd | null) => (end?.by === "writer" ? end.error : null);

const withHex = (event: LogEvent) => ({
  ...event,
  payload: event.payload === null ? null : Buffer.from(event.payload).toString("hex"),
});

/** JSON with the keys of every object in order, so that equal answers have equal texts. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    isPlainObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );

const isPlainObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
