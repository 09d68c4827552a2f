/**
 * Keeps the rejections of workflow code away from the process.
 *
 * A promise that workflow code awaits only after it was rejected is no fault: the run is judged when it ends. Node
 * however offers every rejection without a handler to `unhandledRejection` and then ends the process. The promises of a
 * realm are told apart by their prototype, and their events stop here: they are neither shown to the program's listeners
 * nor lead to Node's default. Everything else passes untouched, in every mode of `--unhandled-rejections`.
 *
 * It stands in front of `process.emit`, and not among the listeners, because the mere presence of a listener changes
 * what Node does with the rejections of the program itself. Two things are out of its reach: in the modes `warn` and
 * `strict` Node acts before it emits. `warn` only prints; under `strict` a worker refuses to start.
 *
 * It never runs code of the realm: a rejection may carry a proxy or a getter, and there is no guard here.
 */
import { types } from "node:util";
import { WorkerSetupError } from "@perdure/errors";

/** What a realm wants to hear about its promises. Empty once the realm is gone: late rejections concern nobody. */
interface AdoptedRealm {
  report: (reason: string) => void;
  handled: (reason: string) => void;
}

type Emit = (this: NodeJS.Process, name: string | symbol, ...parameters: unknown[]) => boolean;

/** Marks our `emit`, so that `watchRejections` finds it again. */
const watching: unique symbol = Symbol("perdure/rejections");

/** By `Promise.prototype` of the realm. An entry outlives its realm's use, since rejections are told a turn later. */
const realms = new WeakMap<object, AdoptedRealm>();

/** What was reported of a promise, for the case that it is handled later. */
const reported = new WeakMap<object, string>();

/** How far a chain of prototypes is followed: subclasses of promises and errors are a few deep. */
const prototypeDepthMax = 32;

/** An error's name that is a plain identifier; anything else could be payload. */
const namePattern = /^[A-Za-z_$][\w$]{0,63}$/;

const ignore = (): void => {};

/** Stands in front of `process.emit` of this process. Calling it again does nothing. */
export function watchRejections(): void {
  const emit = process.emit as Emit & { [watching]?: true };
  if (emit[watching] === true) return;
  const watched: Emit & { [watching]?: true } = function (this: NodeJS.Process, name, ...parameters) {
    if (name === "unhandledRejection" && absorbRejection(parameters[0], parameters[1])) return true;
    if (name === "rejectionHandled" && absorbHandling(parameters[0])) return true;
    return Reflect.apply(emit, this, [name, ...parameters]);
  };
  watched[watching] = true;
  Object.defineProperty(process, "emit", { value: watched, configurable: true, enumerable: false, writable: true });
}

/**
 * From now on the promises that inherit from `promisePrototype` belong to a realm. `report` is called with the name of
 * the error, or with the kind of value, when one was rejected and nothing handles it by the end of the event loop's
 * turn; `handled` with the same text when something handles it after all. Neither is given any payload, and neither may
 * throw. Returns the way to stop the reports; the promises are kept from the process for ever.
 */
export function adoptRealm(
  promisePrototype: object,
  report: (reason: string) => void,
  handled: (reason: string) => void = ignore,
): () => void {
  watchRejections();
  const realm: AdoptedRealm = { report, handled };
  realms.set(promisePrototype, realm);
  return () => {
    realm.report = ignore;
    realm.handled = ignore;
  };
}

/**
 * Refuses a process that was started with `--unhandled-rejections=strict`: there every rejection that is not handled at
 * once ends the process, those of workflow code included. Throws `WorkerSetupError`.
 */
export function assertRejectionsMode(
  execArgv: readonly string[] = process.execArgv,
  // The variable is Node's, not ours, and only Node's own flags are looked for in it.
  nodeOptions: string | undefined = process.env["NODE_OPTIONS"],
): void {
  const fromCommand = rejectionsMode(execArgv);
  const place = fromCommand === null ? "NODE_OPTIONS" : "the command line";
  if ((fromCommand ?? rejectionsMode(splitOptions(nodeOptions ?? ""))) !== "strict") return;
  throw new WorkerSetupError(
    `A worker cannot run under --unhandled-rejections=strict, which is set by ${place}: a promise that workflow code ` +
      "handles in a later turn would end the process.",
    {
      hint: "Remove the flag, or use --unhandled-rejections=throw, which is Node's default, for the worker's process.",
    },
  );
}

function absorbRejection(reason: unknown, promise: unknown): boolean {
  const realm = realmOf(promise);
  if (realm === null) return false;
  const text = describeReason(reason);
  reported.set(promise as object, text);
  realm.report(text);
  return true;
}

function absorbHandling(promise: unknown): boolean {
  const realm = realmOf(promise);
  if (realm === null) return false;
  const text = reported.get(promise as object);
  reported.delete(promise as object);
  if (text !== undefined) realm.handled(text);
  return true;
}

function realmOf(promise: unknown): AdoptedRealm | null {
  if (!types.isPromise(promise)) return null;
  for (const prototype of prototypesOf(promise)) {
    const realm = realms.get(prototype);
    if (realm !== undefined) return realm;
  }
  return null;
}

/** The chain of prototypes, up to the first proxy: asking that for its prototype could run code of the realm. */
function* prototypesOf(value: object): Generator<object> {
  let current: object | null = types.isProxy(value) ? null : Object.getPrototypeOf(value);
  for (let depth = 0; current !== null && depth < prototypeDepthMax; depth += 1) {
    yield current;
    current = types.isProxy(current) ? null : Object.getPrototypeOf(current);
  }
}

function describeReason(reason: unknown): string {
  if (!types.isNativeError(reason)) return `a value of type ${typeof reason}`;
  for (const holder of [reason, ...prototypesOf(reason)]) {
    if (types.isProxy(holder)) break;
    const name: unknown = Object.getOwnPropertyDescriptor(holder, "name")?.value;
    if (typeof name === "string") return namePattern.test(name) ? name : "Error";
  }
  return "Error";
}

/** The last mode among the options; null when there is none. Node takes `_` for `-`, and the value as a word of its own. */
function rejectionsMode(options: readonly string[]): string | null {
  let mode: string | null = null;
  for (const [index, option] of options.entries()) {
    const [name = "", value] = option.split("=", 2);
    if (name.replaceAll("_", "-") === "--unhandled-rejections") mode = value ?? options[index + 1] ?? "";
  }
  return mode;
}

/** Words of NODE_OPTIONS: separated by spaces, except within double quotes, where a backslash keeps the next character. */
function splitOptions(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
  return words.map((word) => word.replaceAll(/\\(.)|"/g, "$1"));
}
