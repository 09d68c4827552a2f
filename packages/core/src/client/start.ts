import { InvalidArgumentError, InvalidWorkflowFunctionError, transactionsMissingError } from "@perdure/errors";
import { type IsolationMode, specVersion, type TransactionClient, type World } from "@perdure/world";
import { systemEnv } from "../env.ts";
import { guestAbi } from "../realm/guest-source.ts";
import { mintRunId } from "../run/run-id.ts";
import { type RegisteredWorkflow, stepNameOf, workflowById, workflowIdOf } from "../step/registry.ts";
import { shelfOf } from "../worker/shelves.ts";
import { startUnclaimed } from "../worker/unclaimed-start.ts";
import { anything, checkOptions, describeValue, someText } from "./call-options.ts";
import { type Run, runHandle } from "./run-handle.ts";
import { currentWorker, worldOf } from "./runtime.ts";
import { workflowInput } from "./workflow-input.ts";

/** Options of {@link start}. */
export interface StartOptions {
  /** The world to start the run in; default: the configured one. */
  readonly world?: World;
  /** The caller's own name for the run, unique in the namespace: starting again with it gives the same run. */
  readonly key?: string;
  /** `run`: give the run a realm of its own, for code that patches intrinsics. Default `shared`. */
  readonly isolation?: IsolationMode;
  /**
   * Create the run as part of a transaction that the program has begun in the database of the world: a client of `pg`, or
   * any other whose `query(text)` resolves to `{ rows }`. Nothing is seen and nothing runs before the transaction commits,
   * and a rollback leaves nothing. Another world than one in the program's own database throws a `StoreError`.
   */
  readonly tx?: TransactionClient;
}

/** A workflow function as it is imported, or a reference to one by its id. */
export type WorkflowReference<Args extends readonly unknown[], Result> =
  | ((...args: Args) => Promise<Result>)
  | { readonly workflowId: string };

/** Workflow code sees one locale and one time zone, wherever it runs. */
const localeDefault = "en-US";
const timeZoneDefault = "UTC";

/**
 * Start a run of a workflow. Resolves once the run is durable (with `tx`: written), to its handle; the arguments were stored by value. In a
 * worker process the first turn is taken before the run is written.
 *
 * Throws `InvalidWorkflowFunctionError`, `WorkflowNotRegisteredError`, `InvalidArgumentError`, `SerializationError` (before
 * anything was written), `CompileError`, or a `StoreError`.
 *
 * @example
 * const run = await start(checkout, [order], { key: `order-${order.id}` });
 * const receipt = await run.returnValue;
 */
export function start<Result>(workflow: WorkflowReference<[], Result>, options?: StartOptions): Promise<Run<Result>>;
export function start<Args extends readonly unknown[], Result>(
  workflow: WorkflowReference<Args, Result>,
  args: Args,
  options?: StartOptions,
): Promise<Run<Result>>;
export async function start<Result>(
  workflow: WorkflowReference<never, Result>,
  argsOrOptions: readonly unknown[] | StartOptions = [],
  maybeOptions: StartOptions = {},
): Promise<Run<Result>> {
  const registered = resolveWorkflow(workflow);
  const [args, options] = isArgs(argsOrOptions) ? [argsOrOptions, maybeOptions] : [[], argsOrOptions];
  checkCall(registered.name, argsOrOptions, options);
  const { bytes, digest } = workflowInput(args, registered.name);
  const world = await worldOf(options.world);
  const runId = mintRunId(systemEnv);
  const bundle = await shelfOf(world).ofWorkflow(registered);
  const created = {
    specVersion,
    guestAbi,
    bundleId: bundle.id,
    workflowId: registered.id,
    workflowName: registered.name,
    seed: Buffer.from(systemEnv.randomBytes(32)).toString("hex"),
    isolation: options.isolation ?? "shared",
    locale: localeDefault,
    timeZone: timeZoneDefault,
    node: process.versions.node,
    icu: process.versions["icu"] ?? "",
    key: options.key ?? null,
    parentRunId: null,
    rootRunId: runId,
    trace: null,
    inputDigest: digest,
  } as const;
  if (options.tx !== undefined) {
    if (world.transactions === undefined) throw transactionsMissingError("start() with `tx`");
    const creation = await world.transactions.create(options.tx, { runId, created, input: bytes });
    return runHandle<Result>(creation.runId, world);
  }
  const worker = currentWorker(world);
  if (worker?.hasRoom === true) {
    return runHandle<Result>(await worker.start(runId, bundle, { created, input: bytes }), world);
  }
  return runHandle<Result>(await startUnclaimed(world, { runId, created, input: bytes }), world);
}

const isArgs = (value: readonly unknown[] | StartOptions): value is readonly unknown[] => Array.isArray(value);

const startOptions = {
  world: anything,
  key: someText,
  isolation: (value: unknown) => (value === "shared" || value === "run" ? null : '"shared" or "run"'),
  tx: (value: unknown) => (isTransaction(value) ? null : "a transaction with a function `query`"),
};

const isTransaction = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { query?: unknown }).query === "function";

function checkCall(name: string, argsOrOptions: unknown, options: unknown): void {
  if (typeof argsOrOptions === "object" && argsOrOptions !== null) {
    checkOptions("start()", options, startOptions);
    return;
  }
  throw new InvalidArgumentError("start(): the arguments of the workflow", "an array", describeValue(argsOrOptions), {
    hint: `Write start(${name}, [argument, …], options).`,
  });
}

function resolveWorkflow(workflow: unknown): RegisteredWorkflow {
  const id = workflowIdOf(workflow) ?? referencedId(workflow);
  if (id === null) throw new InvalidWorkflowFunctionError(describe(workflow));
  return workflowById(id);
}

function referencedId(workflow: unknown): string | null {
  if (workflow === null || (typeof workflow !== "object" && typeof workflow !== "function")) return null;
  const { workflowId } = workflow as { workflowId?: unknown };
  return typeof workflowId === "string" ? workflowId : null;
}

function describe(value: unknown): string {
  if (typeof value !== "function") return describeValue(value);
  const step = stepNameOf(value);
  return step === null ? `the ordinary function ${value.name || "(anonymous)"}` : `the step ${step}`;
}
