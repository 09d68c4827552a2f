/** Starts of steps without a run around them, also in processes of their own, and pools whose statements can be watched. */
import { executeStep, registerStep, stepContext, workflowInput } from "@perdure/core/simulation";
import { type OnceConnection, type OncePool, once } from "perdure/once";
import type { Pool, PoolClient } from "pg";

/** Which start of a step it is. What is left out is the same for all. */
export interface Start {
  readonly runId?: string;
  readonly stepId?: string;
  readonly inputDigest?: string;
}

let starts = 0;

/** Runs a body as a worker would that starts the step, and answers with what came of the body. */
export async function inStep<T>(body: () => Promise<T>, start: Start = {}): Promise<T> {
  const { runId = "wrun_1", stepId = "step_1", inputDigest = "1:input" } = start;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  starts += 1;
  const id = `once#charge${starts}`;
  registerStep(id, () => body().then(resolve, reject), { name: "charge", file: "once.ts", line: 1, shape: null });
  const data = { stepId: id, name: "charge", ordinal: 1, inputDigest, shape: null, dispatch: "inline", attempt: 1 };
  const event = { type: "step_created", position: 3, correlationId: stepId, at: 0, committedAt: 0, cause: 2 } as const;
  const payload = workflowInput([], "order").bytes;
  const created = {
    ...event,
    epoch: 1,
    key: null,
    data: { ...data, dispatch: "inline", attempt: 1 },
    payload,
  } as const;
  const task = { created, correlationId: stepId, attempt: 1, delivery: 1, workflow: { name: "order", startedAt: 0 } };
  const { signal } = new AbortController();
  const scope = { runId, task, signal: () => signal, now: 0 };
  await executeStep(task, stepContext(scope), { now: () => 0, random: () => 0 });
  return promise;
}

/** The step that is struck: one write, and its result. */
export const charge = (pool: OncePool, note: string): Promise<string> =>
  inStep(() =>
    once(pool, async (tx) => {
      await tx.query("INSERT INTO ledger (note) VALUES ($1)", [note]);
      return note;
    }),
  );

type Watch = (count: number, text: string, client: PoolClient) => Promise<void>;

/** A pool whose connections call back before each statement, and wait for the answer. */
export function watched(pool: Pool, before: Watch): OncePool {
  return {
    async connect() {
      const client = await pool.connect();
      let count = 0;
      const query: OnceConnection["query"] = async (statement, values) => {
        count += 1;
        await before(count, textOf(statement), client);
        return client.query(statement, values);
      };
      return {
        query,
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      };
    },
  };
}

const textOf = (statement: unknown): string =>
  typeof statement === "string" ? statement : (statement as { readonly text: string }).text;
