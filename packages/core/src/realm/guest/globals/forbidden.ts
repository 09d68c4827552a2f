/**
 * What workflow code cannot have, because a replay would not repeat it: calling it throws
 * `UnavailableInWorkflowContextError` with the durable replacement. Everything is still a function to `typeof`, so that a
 * library that looks for it and never calls it works.
 *
 * `process`, `Buffer`, `require` and their kind are absent instead: libraries take their presence as a sign of Node and
 * then use them. A run that fails for want of one of them gets the sentence too (`explainMissing`).
 */
import { UnavailableInWorkflowContextError } from "@perdure/errors";
import { defineGlobal, defineHidden, replaceConstructor } from "./define.ts";

const sleepInstead = 'Use `await sleep("10s")` from "perdure": it waits durably.';
const stepInstead = "Do it in a step and return what the workflow needs.";
const fetchInstead = 'Call fetch in a "use step" function and return what the workflow needs.';
const raceInstead = "Race the promise with `sleep()`; running steps are aborted when the run ends.";
const waitInstead = "Await a step, a sleep or a hook.";
const gcInstead = "When memory is reclaimed differs from replay to replay; keep a strong reference.";
const textInstead = "Code made from text cannot be replayed; write the function in the module.";

/** Globals that throw when they are called or constructed, with their replacement and their static members. */
const forbidden: Readonly<Record<string, readonly [replacement: string, ...members: string[]]>> = {
  setTimeout: [sleepInstead],
  setInterval: [`${sleepInstead} Sleep in a loop.`],
  setImmediate: ["Use queueMicrotask, or await a step."],
  clearTimeout: [sleepInstead],
  clearInterval: [sleepInstead],
  clearImmediate: [sleepInstead],
  fetch: [fetchInstead],
  Headers: [fetchInstead],
  Request: [fetchInstead],
  Response: [fetchInstead, "error", "json", "redirect"],
  FormData: [fetchInstead],
  Blob: ["Pass a Uint8Array, or use the Blob in a step."],
  File: ["Pass a Uint8Array, or use the File in a step."],
  WebSocket: [stepInstead],
  EventSource: [stepInstead],
  ReadableStream: [stepInstead, "from"],
  WritableStream: [stepInstead],
  TransformStream: [stepInstead],
  MessageChannel: [waitInstead],
  BroadcastChannel: [waitInstead],
  AbortController: [raceInstead],
  AbortSignal: [raceInstead, "abort", "any", "timeout"],
  SharedArrayBuffer: ["Use an ArrayBuffer."],
  WeakRef: [gcInstead],
  FinalizationRegistry: [gcInstead],
  eval: [textInstead],
};

const webAssemblyMembers = [
  ...["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate"],
  ...["Exception", "Global", "Instance", "JSTag", "Memory", "Module", "Table", "Tag"],
];

export function installForbidden(): void {
  for (const [name, [replacement, ...members]] of Object.entries(forbidden)) {
    const stub = stubOf(name, replacement);
    for (const member of members) defineHidden(stub, member, stubOf(`${name}.${member}`, replacement));
    defineGlobal(name, stub);
  }
  const webAssembly = {};
  for (const member of webAssemblyMembers) {
    defineHidden(webAssembly, member, stubOf(`WebAssembly.${member}`, stepInstead));
  }
  defineGlobal("WebAssembly", webAssembly);
  for (const member of ["wait", "waitAsync", "notify"]) {
    defineHidden(Atomics, member, stubOf(`Atomics.${member}`, waitInstead));
  }
  forbidFunctionConstructors();
}

function stubOf(name: string, replacement: string): (...args: never[]) => never {
  function stub(): never {
    throw new UnavailableInWorkflowContextError(name, replacement);
  }
  Object.defineProperty(stub, "name", { value: name.slice(name.lastIndexOf(".") + 1), configurable: true });
  return stub;
}

/** `Function` and the hidden constructors of async functions and generators stay classes, and make nothing. */
function forbidFunctionConstructors(): void {
  const samples = [function plain() {}, async () => {}, function* generator() {}, async function* generator() {}];
  let base: object | null = null;
  for (const sample of samples) {
    const native = Object.getPrototypeOf(sample).constructor as () => unknown;
    const stub = stubOf(native.name, textInstead);
    replaceConstructor(native, stub);
    if (base === null) base = stub;
    else Object.setPrototypeOf(stub, base);
  }
}

const absent: Readonly<Record<string, string>> = {
  process: "Read configuration in a step, or pass it to the workflow as an argument.",
  Buffer: "Use Uint8Array, TextEncoder, atob and btoa.",
  require: "Import the module at the top of the file; modules of Node are for steps.",
  module: "Workflow code is an ES module.",
  exports: "Workflow code is an ES module.",
  __dirname: "Read files in a step.",
  __filename: "Read files in a step.",
};

const missingPattern = /^(\w+) is not defined$/;

/** The error that says what to use instead, for the error of a name that workflow code does not have; else undefined. */
export function explainMissing(error: unknown): UnavailableInWorkflowContextError | undefined {
  if (!(error instanceof ReferenceError)) return undefined;
  const name = missingPattern.exec(error.message)?.[1];
  if (name === undefined || !Object.hasOwn(absent, name)) return undefined;
  return new UnavailableInWorkflowContextError(name, absent[name] ?? stepInstead, { cause: error });
}
