/** Runs generated programs live, and reads their logs back in every way that there is. */

import { dehydrate } from "@perdure/serde";
import { type IsolationMode, isDecisionType, isTerminalType, type LogEvent, type NewDecision } from "@perdure/world";
import { HydrationMemo } from "../hydrate/hydration-memo.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import { RealmCache } from "../realm/realm-cache.ts";
import { tokenHash } from "../replay/correlation-id.ts";
import { Execution } from "../replay/execution.ts";
import { unguarded } from "../replay/history.testing.ts";
import { Harness, type HarnessOptions, program, type TestWorker } from "./harness.testing.ts";
import { type GeneratedProgram, hookTokensMax } from "./program-generator.testing.ts";
import { VirtualEnv } from "./virtual-env.testing.ts";

/** How long virtual bodies take, in milliseconds; equal to each other and to sleeps often enough to race. */
const latencies = [0, 0, 1, 1, 3, 7, 20];

const payloadsPerHook = 4;

export interface LiveRun {
  readonly bundle: HeldBundle;
  readonly runId: string;
  readonly log: readonly LogEvent[];
  readonly lines: readonly string[];
  readonly errors: readonly unknown[];
  /** The kill that was asked for came before the run had ended. */
  readonly killed: boolean;
}

export interface LiveOptions extends HarnessOptions {
  readonly isolation?: IsolationMode;
  /** Kill the worker after so many of its appends were written, and let another one take over. */
  readonly killAfterAppends?: number;
}

/** One live run of a program, on virtual time: the same seed and options give the same log. */
export async function runLive(generated: GeneratedProgram, options: LiveOptions = {}): Promise<LiveRun> {
  const env = new VirtualEnv(generated.seed);
  const kill = new KillSwitch(options.killAfterAppends ?? Number.POSITIVE_INFINITY);
  const { isolation, killAfterAppends: _kill, ...rest } = options;
  const harness = new Harness({ leaseMs: 60, sweepMs: 20, ...rest, env, wrap: (world) => kill.wrap(world) });
  const bundle = program(generated.source, stepsOf(env));
  const worker = await harness.worker();
  kill.onKill = (): void => {
    worker.die();
    void harness.worker();
  };
  kill.victim = worker;
  const start = harness.start(worker, bundle, [], null, isolation ?? "shared");
  const runId = await Promise.race([start, kill.struck.then(() => null)]);
  const found = runId ?? (await firstRun(harness, env));
  answerHooks(harness, env);
  await harness.result(found, 600_000).catch(() => undefined);
  const log = await harness.log(found);
  return { bundle, runId: found, log, lines: harness.lines, errors: harness.errors, killed: kill.hasStruck };
}

/** The starter was killed while it created the run: it is in the store under the id that it had chosen. */
async function firstRun(harness: Harness, env: VirtualEnv): Promise<string> {
  await env.settle();
  const { items } = await harness.world.runs.list({ limit: 1 });
  const [run] = items;
  if (run === undefined) throw new Error("the run was not created");
  return run.runId;
}

function stepsOf(env: VirtualEnv) {
  const wait = async (n: number): Promise<void> => {
    const ms = latencies[n % latencies.length] ?? 0;
    if (ms > 0) await new Promise<void>((resolve) => env.setTimer(ms, resolve));
  };
  return {
    work: async (k: number, v: number) => {
      await wait(k + v);
      return (k * 7 + v * 3) % 100;
    },
    fail: Object.assign(
      async (k: number, v: number) => {
        await wait(k * 3 + v);
        if ((k + v) % 3 !== 0) throw new RangeError(`no ${k}`);
        return k;
      },
      { maxRetries: 0 },
    ),
    echo: async (value: object) => {
      await wait(2);
      return value;
    },
  };
}

/** Sends payloads to whichever hook is open, for as long as the test lets time pass. */
function answerHooks(harness: Harness, env: VirtualEnv): void {
  const sent = new Map<string, number>();
  const look = async (): Promise<void> => {
    for (let index = 0; index < hookTokensMax; index += 1) {
      const token = `tok-${index}`;
      const count = sent.get(token) ?? 0;
      const open = count < payloadsPerHook ? await harness.world.hooks.find(tokenHash(token)) : null;
      if (open === null) continue;
      sent.set(token, count + 1);
      await harness.world.log.append(open.runId, {
        by: "outside",
        key: `${token}/${count}`,
        fact: {
          type: "hook_received",
          correlationId: open.correlationId,
          at: null,
          data: { ordinal: 0 },
          payload: dehydrate({ n: count + 1 }, "a payload"),
        },
      });
    }
    env.setTimer(5, () => void look());
  };
  env.setTimer(4, () => void look());
}

type World = Harness["world"];

/** Lets a worker's world answer so many appends, then never again, as a killed process would see it. */
class KillSwitch {
  readonly struck: Promise<void>;
  onKill: () => void = () => {};
  victim: TestWorker | null = null;
  hasStruck = false;
  #left: number;
  #strike: () => void = () => {};
  #first: World | null = null;

  constructor(appends: number) {
    this.#left = appends;
    this.struck = new Promise((resolve) => {
      this.#strike = resolve;
    });
  }

  wrap(world: World): World {
    if (this.#first !== null) return world;
    this.#first = world;
    const never = new Promise<never>(() => {});
    const counted = async <T>(call: () => Promise<T>): Promise<T> => {
      if (this.#left <= 0) return await never;
      const result = await call();
      this.#left -= 1;
      if (this.#left > 0) return result;
      this.hasStruck = true;
      this.#strike();
      this.onKill();
      return await never;
    };
    const dead = async <T>(call: () => Promise<T>): Promise<T> => (this.#left <= 0 ? await never : await call());
    return {
      ...world,
      runs: { ...world.runs, create: (request) => counted(() => world.runs.create(request)) },
      log: {
        read: (runId, range) => dead(() => world.log.read(runId, range)),
        append: (runId, request) => counted(() => world.log.append(runId, request)),
      },
      claims: {
        ...world.claims,
        claim: (request) => dead(() => world.claims.claim(request)),
        release: (runId, request) => dead(() => world.claims.release(runId, request)),
        poll: (workerId) => dead(() => world.claims.poll(workerId)),
      },
    };
  }
}

const realms = new RealmCache({ guard: unguarded });

export interface ReadOptions {
  readonly isolation?: IsolationMode;
  /** Events per `consume` call; default: all at once. */
  readonly chunk?: number;
  readonly memo?: HydrationMemo | null;
}

/** Consumes a log from its start, and says what the execution has planned beyond it. */
export function readBack(
  bundle: HeldBundle,
  log: readonly LogEvent[],
  options: ReadOptions = {},
): { readonly fault: string | null; readonly planned: readonly NewDecision[]; readonly lines: readonly string[] } {
  const [created, ...rest] = log;
  if (created?.type !== "run_created") throw new Error("a log starts with run_created");
  const isolation = options.isolation ?? created.data.isolation;
  const realm = realms.get(bundle, isolation);
  const memo = options.memo === undefined ? new HydrationMemo() : options.memo;
  const runId = created.data.rootRunId;
  const execution = Execution.open({ runId, created, realm, memo });
  const chunk = options.chunk ?? Number.POSITIVE_INFINITY;
  let fault: string | null = null;
  for (let index = 0; index < rest.length && fault === null; index += chunk) {
    const found = execution.consume(chunk === Number.POSITIVE_INFINITY ? rest : rest.slice(index, index + chunk));
    fault = found === null ? null : `${found.reason}: ${found.detail}`;
  }
  const planned = execution.planned();
  const lines = execution.takeConsole().map((line) => line.text);
  execution.dispose();
  return { fault, planned, lines };
}

/** The decisions that stand in a log after a prefix and follow from it: what a replay of the prefix must plan. */
export function decisionsAfter(log: readonly LogEvent[], prefix: number): readonly LogEvent[] {
  return log.filter((event) => {
    if (event.position <= prefix) return false;
    if (isDecisionType(event.type)) return (event.cause ?? 0) <= prefix;
    return false;
  });
}

/** What is compared of a decision: everything but where it stands. */
export function decisionText(decision: NewDecision | LogEvent): string {
  const { type, correlationId, at, cause, data, payload } = decision as LogEvent;
  const shown = type === "wait_created" ? { ...data, resumeAt: null } : data;
  const bytes = payload === null ? null : Buffer.from(payload).toString("base64");
  return JSON.stringify([type, correlationId, at, cause, shown, bytes]);
}

export const isEndedLog = (log: readonly LogEvent[]): boolean => isTerminalType(log.at(-1)?.type ?? "");
