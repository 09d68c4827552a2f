/** A run with one open step, and what its body writes, for the tests of transactional steps and their child processes. */
import type { AppendResult, ExecutorAppend, NewDecision, StepTransaction, World } from "@perdure/world";
import { Client } from "pg";
import { creation, driverAppend, id, worker } from "./request-values.ts";

export const runId = id("wrun", 1);
export const stepId = id("step", 1);

type Dispatch = "inline" | "background";

const stepCreated = (at: number, dispatch: Dispatch, n: number): NewDecision => ({
  type: "step_created",
  correlationId: id("step", n),
  at,
  cause: 2,
  data: { stepId: "step", name: "charge", ordinal: 1, inputDigest: "", shape: null, dispatch, attempt: 1 },
  payload: null,
});

/** A run that `worker` has claimed, whose step is open. */
export const openStep = (world: World, dispatch: Dispatch = "inline", n = 1): Promise<void> =>
  open(world, n, [n], dispatch);

/** {@link openStep} with so many steps, numbered from 0. */
export const openSteps = (world: World, count: number, dispatch: Dispatch, run = 1): Promise<void> =>
  open(world, run, [...Array(count).keys()], dispatch);

async function open(world: World, run: number, steps: readonly number[], dispatch: Dispatch): Promise<void> {
  await world.claims.heartbeat(worker);
  const { storeNow: at } = await world.describe();
  const started = { type: "run_started", correlationId: null, at, data: {}, payload: null } as const;
  const decisions = steps.map((n) => stepCreated(at, dispatch, n));
  const eager = { worker: worker.id, facts: [started], decisions, release: null };
  await world.runs.create({ ...creation(run), eager });
}

/** What an executor reports of a start of the step. */
export const completed = (delivery = 1, key = `${stepId}/1/${delivery}`, n = 1): ExecutorAppend => ({
  by: "executor",
  key,
  attempt: 1,
  delivery,
  fact: {
    type: "step_completed",
    correlationId: id("step", n),
    at: null,
    data: { attempt: 1, delivery },
    payload: new Uint8Array([7]),
  },
});

/** The body of the step: two writes, and its result. */
export function charge(world: World, delivery = 1): Promise<AppendResult> {
  const { transactions } = world;
  if (transactions === undefined) throw new TypeError("The world takes no part in transactions.");
  return transactions.append(runId, async (tx) => {
    await insert(tx, `delivery ${delivery}`);
    await tx.query({ text: "UPDATE balances SET amount = amount - $1", values: [5] });
    return completed(delivery);
  });
}

export const insert = (tx: StepTransaction, note: string) =>
  tx.query<{ readonly id: number }>("INSERT INTO ledger (note) VALUES ($1) RETURNING id", [note]);

export const tables = `DROP TABLE IF EXISTS ledger, balances;
CREATE TABLE ledger (id serial PRIMARY KEY, note text UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE balances (amount integer); INSERT INTO balances VALUES (100)`;

/** The start of the step by the next claim, as its driver would write it; false: the step has its result. */
export async function deliverAgain(world: World): Promise<boolean> {
  await world.claims.retire(worker.id);
  const heir = { ...worker, id: "worker-b" };
  await world.claims.heartbeat(heir);
  const { runs } = await world.claims.claim({ worker: heir, max: 1 });
  const [claimed] = runs;
  if (claimed === undefined) throw new TypeError("The run was not to be claimed.");
  const started = {
    type: "step_started",
    correlationId: stepId,
    at: null,
    data: { attempt: 1, delivery: 2 },
    payload: null,
  } as const;
  const request = driverAppend(1, claimed.run.tail, { epoch: claimed.epoch, facts: [started] });
  return (await world.log.append(runId, request)).kind === "appended";
}

/** Calls back before each statement of the transactions of bodies, and waits for the answer. Returns the way to stop. */
export function watchStatements(before: (count: number, text: string, client: Client) => Promise<void>): () => void {
  const { query } = Client.prototype;
  const watched = new WeakMap<Client, number>();
  const textOf = (statement: unknown): string =>
    typeof statement === "string" ? statement : (statement as { readonly text: string }).text;
  const watching = async function (this: Client, statement: unknown, ...rest: unknown[]): Promise<unknown> {
    const text = textOf(statement);
    if (text.includes("SET LOCAL perdure.transaction")) watched.set(this, 0);
    const count = watched.get(this);
    if (count !== undefined) {
      watched.set(this, count + 1);
      await before(count + 1, text, this);
    }
    // The overloads of `query` are not to be told apart here.
    return await (query as (...values: unknown[]) => unknown).call(this, statement, ...rest);
  };
  Client.prototype.query = watching as typeof query;
  return () => {
    Client.prototype.query = query;
  };
}
