/** Runs a program to its end in the real engine, on virtual time, with its hooks answered. */

import { getStepMetadata, registerStep, registerWorkflow } from "@perdure/core";
import { Harness, tokenHash, VirtualEnv } from "@perdure/core/simulation";
import { dehydrate, hydrate } from "@perdure/serde";
import type { LogEvent, World } from "@perdure/world";
import type { CompiledProgram } from "./compile.ts";
import { hookTokens, type Inputs, type Program } from "./program.ts";
import { answerOf, errorOf } from "./step-bodies.ts";

export interface ProgramRun {
  readonly log: readonly LogEvent[];
  readonly lines: readonly string[];
  readonly errors: readonly unknown[];
  /** The decoded payload of the last event. */
  readonly end: { readonly type: string; readonly value: unknown };
}

const payloadsPerHook = 4;
const answerMs = 4;
/** So long that the beats of a worker are few while a program sleeps for a day. */
const leaseMs = 3_600_000;
const sweepMs = 3_600_000;
const patienceMs = 60 * 86_400_000;

export async function runProgram(program: Program, compiled: CompiledProgram, inputs: Inputs): Promise<ProgramRun> {
  const env = new VirtualEnv(program.seed);
  register(compiled, env);
  const sender = new HookSender(env, hookTokens(program, inputs));
  const harness = new Harness({
    env,
    leaseMs,
    sweepMs,
    workflow: compiled.workflowId,
    wrap: (world) => sender.watch(world),
  });
  sender.world = harness.world;
  const runId = await harness.start(await harness.worker(), compiled.bundle, [inputs]);
  // What the run came to is read from its log, whatever it is.
  await harness.result(runId, patienceMs).catch(() => undefined);
  const log = await harness.log(runId);
  const last = log.at(-1);
  if (last === undefined) throw new Error("The run has no log.");
  const value = last.payload === null ? undefined : hydrate(last.payload);
  return { log, lines: harness.lines, errors: harness.errors, end: { type: last.type, value } };
}

function register({ workflowId, steps, maxRetries }: CompiledProgram, env: VirtualEnv): void {
  registerWorkflow(workflowId, () => undefined, { name: "main", file: "program.ts", line: 1 });
  for (const [id, name] of steps) {
    const body = async (...args: readonly unknown[]): Promise<unknown> => {
      const answer = answerOf(name, args, getStepMetadata().attempt);
      if (answer.latencyMs > 0) await new Promise<void>((resolve) => env.setTimer(answer.latencyMs, resolve));
      if (answer.kind !== "value") throw errorOf(answer);
      return answer.value;
    };
    const fn = Object.assign(body, { maxRetries: maxRetries.get(id) });
    registerStep(id, fn, { name, file: "program.ts", line: 1, shape: null });
  }
}

/** Answers every hook that opens, a few times, some while after each write of the worker. */
class HookSender {
  world: World | null = null;
  readonly #env: VirtualEnv;
  readonly #tokens: readonly string[];
  readonly #sent = new Map<string, number>();

  constructor(env: VirtualEnv, tokens: readonly string[]) {
    this.#env = env;
    this.#tokens = tokens;
  }

  watch(world: World): World {
    const thenLook = <T>(written: Promise<T>): Promise<T> => {
      this.#env.setTimer(answerMs, () => void this.#look());
      return written;
    };
    return {
      ...world,
      runs: { ...world.runs, create: (request) => thenLook(world.runs.create(request)) },
      log: {
        read: (runId, range) => world.log.read(runId, range),
        append: (runId, request) => thenLook(world.log.append(runId, request)),
      },
    };
  }

  async #look(): Promise<void> {
    const open = await Promise.all(this.#tokens.map((token) => this.world?.hooks.find(tokenHash(token))));
    for (const hook of open) {
      if (hook === null || hook === undefined) continue;
      const key = `${hook.runId} ${hook.correlationId}`;
      const count = (this.#sent.get(key) ?? 0) + 1;
      if (count > payloadsPerHook) continue;
      this.#sent.set(key, count);
      await this.world?.log.append(hook.runId, {
        by: "outside",
        key: `${hook.correlationId}/${count}`,
        fact: {
          type: "hook_received",
          correlationId: hook.correlationId,
          at: null,
          data: { ordinal: 0 },
          payload: dehydrate({ n: count }, "a payload"),
        },
      });
      this.#env.setTimer(answerMs, () => void this.#look());
    }
  }
}
