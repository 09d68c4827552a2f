/**
 * What this process can run: its step functions, and the workflows whose bundles it can build. Compiled host modules
 * register themselves here when they are evaluated. There is one registry per process even when two copies of this
 * package are installed: it hangs on a registered symbol.
 */
import { StepNotRegisteredError, WorkflowCalledDirectlyError, WorkflowNotRegisteredError } from "@perdure/errors";

/** A step body. Arguments and result are whatever the serialiser can carry. */
export type StepFunction = (...args: never[]) => unknown;
/** The host-side stand-in of a workflow function: it can be started, not called. */
export type WorkflowFunction = (...args: never[]) => unknown;

/** Where a function was found, as the compiler recorded it. */
export interface StepSource {
  /** Readable name of the function. */
  readonly name: string;
  /** Path relative to the project's root, with `/`. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** Normalised parameter list, e.g. `(order,retries)`. */
  readonly shape: string | null;
}

/** Where a workflow function was found. */
export type WorkflowSource = Omit<StepSource, "shape">;

/** A step that this process can run. */
export interface RegisteredStep extends StepSource {
  readonly id: string;
  readonly fn: StepFunction;
}

/** A workflow that this process can start and drive. */
export interface RegisteredWorkflow extends WorkflowSource {
  readonly id: string;
  readonly fn: WorkflowFunction;
}

/** The workflow-side code of one workflow module, as the compiler's `bundleWorkflow` makes it. */
export interface CompiledBundle {
  readonly code: string;
  /** Source map of `code`, as JSON text. */
  readonly map: string | null;
  /** Ids of the workflows that the code defines. */
  readonly workflows: readonly string[];
  /** Ids of the steps that the code can call. */
  readonly steps: readonly string[];
}

/** Finds the bundle that a workflow belongs to; the loader and the framework plug-ins provide one. */
export type BundleProvider = (workflow: RegisteredWorkflow) => Promise<CompiledBundle>;

interface Registry {
  readonly steps: Map<string, RegisteredStep>;
  readonly workflows: Map<string, RegisteredWorkflow>;
  readonly workflowIds: WeakMap<WorkflowFunction, string>;
  readonly listeners: Set<() => void>;
  bundleProvider: BundleProvider | null;
}

const registryKey = Symbol.for("perdure/registry@1");

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry };
  holder[registryKey] ??= {
    steps: new Map(),
    workflows: new Map(),
    workflowIds: new WeakMap(),
    listeners: new Set(),
    bundleProvider: null,
  };
  return holder[registryKey];
}

/** Called by compiled host modules. Registering an id again replaces it, as a reloaded module does. */
export function registerStep(id: string, fn: StepFunction, source: StepSource): void {
  registry().steps.set(id, { id, fn, ...source });
  notify();
}

/** Called by compiled host modules. The function also gets a `workflowId` property. */
export function registerWorkflow(id: string, fn: WorkflowFunction, source: WorkflowSource): void {
  registry().workflows.set(id, { id, fn, ...source });
  registry().workflowIds.set(fn, id);
  Object.defineProperty(fn, "workflowId", { value: id, configurable: true });
  notify();
}

/** The error that the host-side stand-in of a workflow throws when it is called. */
export function workflowCalled(name: string): WorkflowCalledDirectlyError {
  return new WorkflowCalledDirectlyError(name);
}

/** Set by `perdure/register` and by framework plug-ins. */
export function provideBundles(provider: BundleProvider): void {
  registry().bundleProvider = provider;
}

export function bundleProvider(): BundleProvider | null {
  return registry().bundleProvider;
}

/** The id of a registered workflow function, or null when the function is not one. */
export function workflowIdOf(fn: unknown): string | null {
  return typeof fn === "function" ? (registry().workflowIds.get(fn as WorkflowFunction) ?? null) : null;
}

/** The name of a registered step function, or null when the function is not one. */
export function stepNameOf(fn: unknown): string | null {
  for (const step of registry().steps.values()) if (step.fn === fn) return step.name;
  return null;
}

/** Throws `WorkflowNotRegisteredError` when the id is unknown here. */
export function workflowById(id: string): RegisteredWorkflow {
  const found = registry().workflows.get(id);
  if (found === undefined) throw new WorkflowNotRegisteredError(id, [...registry().workflows.keys()]);
  return found;
}

/** Throws `StepNotRegisteredError` when the id is unknown here. */
export function stepById(id: string): RegisteredStep {
  const found = registry().steps.get(id);
  if (found === undefined) throw new StepNotRegisteredError(id, [...registry().steps.keys()]);
  return found;
}

/** The queue that a step asks for by the `queue` property of its function; null when it asks for none. */
export function queueOf(stepId: string): string | null {
  const fn = registry().steps.get(stepId)?.fn as { readonly queue?: unknown } | undefined;
  return typeof fn?.queue === "string" ? fn.queue : null;
}

/** Who runs the bodies of a step: see {@link dispatchOf}. */
export type StepDispatch = "inline" | "background";

/**
 * Who runs the bodies of a step, by the `dispatch` property of its function: `background` is any worker that has the step;
 * all else is the driver of the run.
 */
export function dispatchOf(stepId: string): StepDispatch {
  const fn = registry().steps.get(stepId)?.fn as { readonly dispatch?: unknown } | undefined;
  return fn?.dispatch === "background" ? "background" : "inline";
}

/** Ids of the steps that this process has, sorted. */
export function registeredSteps(): readonly string[] {
  return [...registry().steps.keys()].sort();
}

/** Whether a step of this id is registered here. */
export const hasStep = (id: string): boolean => registry().steps.has(id);

/**
 * The parameters of the step here, when a call that was recorded with `shape` cannot be run by it because they are others;
 * null when they are the same, or one of the two is not known. Throws `StepNotRegisteredError` when the id is unknown here.
 */
export function otherShape(id: string, shape: string | null): string | null {
  const { shape: own } = stepById(id);
  return shape === null || own === null || own === shape ? null : own;
}

/** Ids of the workflows that this process knows, sorted. */
export function registeredWorkflows(): readonly string[] {
  return [...registry().workflows.keys()].sort();
}

/** Calls back when a step or workflow has been registered. Returns the way to stop. */
export function onRegistration(listener: () => void): () => void {
  registry().listeners.add(listener);
  return () => registry().listeners.delete(listener);
}

function notify(): void {
  for (const listener of registry().listeners) listener();
}
