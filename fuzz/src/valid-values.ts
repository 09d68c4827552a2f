/** Values that can be stored, of every documented kind, with arbitrary sharing and cycles. */
import { FatalError, HookConflictError, RetryableError, StepLostError } from "@perdure/errors";
import type { Chance } from "./chance.ts";
import { makeLeaf, makeText, propertyNames } from "./leaf-values.ts";

const viewTypes = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
] as const;

const errorTypes = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError] as const;

const nodeKinds = ["object", "null-proto", "array", "sparse", "map", "set", "error", "view", "buffer"] as const;
type NodeKind = (typeof nodeKinds)[number];

/** A value of 1 to `maxNodes` joined containers, or one leaf. */
export function makeValue(chance: Chance, maxNodes = 12): unknown {
  if (chance.oneIn(6)) return makeLeaf(chance);
  const memory = filledBuffer(chance, 64);
  const kinds = Array.from({ length: 1 + chance.below(maxNodes) }, () => chance.pick(nodeKinds));
  const nodes = kinds.map((kind) => emptyNode(kind, memory, chance));
  for (const [index, node] of nodes.entries())
    fillNode(kinds[index] as NodeKind, node, () => partOf(nodes, chance), chance);
  return nodes[0];
}

function partOf(nodes: readonly object[], chance: Chance): unknown {
  return chance.oneIn(2) ? chance.pick(nodes) : makeLeaf(chance);
}

function filledBuffer(chance: Chance, length: number): ArrayBuffer {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = chance.next();
  return bytes.buffer;
}

function emptyNode(kind: NodeKind, memory: ArrayBuffer, chance: Chance): object {
  switch (kind) {
    case "object":
      return {};
    case "null-proto":
      return Object.create(null) as object;
    case "array":
    case "sparse":
      return [];
    case "map":
      return new Map();
    case "set":
      return new Set();
    case "error":
      return makeError(chance);
    case "view":
      return makeView(chance, memory);
    case "buffer":
      return filledBuffer(chance, chance.below(40));
  }
}

function makeView(chance: Chance, memory: ArrayBuffer): object {
  const buffer = chance.oneIn(3) ? filledBuffer(chance, 64) : memory;
  if (chance.oneIn(8)) return new DataView(buffer, chance.below(60), chance.below(4));
  const type = chance.pick(viewTypes);
  const offset = chance.below(7) * 8;
  return new type(buffer, offset, chance.below((64 - offset) / type.BYTES_PER_ELEMENT + 1));
}

function makeError(chance: Chance): Error {
  const message = makeText(chance);
  switch (chance.below(8)) {
    case 0:
      return new AggregateError([], message);
    case 1:
      return new DOMException(message.toWellFormed(), chance.pick(["AbortError", "DataCloneError", "Odd"]));
    case 2:
      return new FatalError(message, { hint: makeText(chance), where: { runId: "wrun_1", position: 3 } });
    case 3:
      return new RetryableError(message, { retryAfter: new Date(5) });
    case 4:
      return chance.oneIn(2) ? new StepLostError("charge", 5) : new HookConflictError("token", "wrun_2");
    default:
      return new (chance.pick(errorTypes))(message);
  }
}

function fillNode(kind: NodeKind, node: object, part: () => unknown, chance: Chance): void {
  const parts = chance.list(6, part);
  switch (kind) {
    case "array":
      (node as unknown[]).push(...parts);
      if (chance.oneIn(4)) (node as unknown[]).length += chance.below(3);
      break;
    case "sparse":
      for (const item of parts) (node as unknown[])[chance.magnitude(1, 50_000)] = item;
      break;
    case "map":
      for (const item of parts) (node as Map<unknown, unknown>).set(item, part());
      break;
    case "set":
      for (const item of parts) (node as Set<unknown>).add(item);
      break;
    case "error":
      fillError(node as Error, parts, chance);
      break;
    case "object":
    case "null-proto":
      for (const item of parts) define(node, chance.pick(propertyNames), item, true);
      break;
    default:
  }
}

function fillError(error: Error, parts: readonly unknown[], chance: Chance): void {
  if (error instanceof AggregateError) error.errors = [...parts];
  if (chance.oneIn(2)) define(error, "cause", parts[0], false);
  // The stack that it was made with names the files of a machine.
  const stack = chance.oneIn(3) ? makeText(chance) : `${error.name}: made\n    at make (made.ts:1:1)`;
  define(error, "stack", stack, false);
  // The fields of a record stand for themselves, and a DOMException reads its name through a getter.
  if (chance.oneIn(2)) return;
  for (const item of parts) define(error, chance.pick(["a", "code", "statusCode", "1023", "toString"]), item, true);
}

function define(target: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable, configurable: true });
}
