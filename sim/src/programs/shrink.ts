/**
 * Smaller programs than a given one, for finding the smallest that still shows a defect. Each differs by one cut, the big cuts
 * come first, and each has fewer nodes or smaller numbers, so cutting ends. A confluent program stays confluent.
 */
import { programOf } from "./kinds.ts";
import type { Block, Call, HookStatement, Operation, Program, Sleep, Statement } from "./program.ts";
import { canSettle } from "./rewrite.ts";

/** The candidates, biggest cuts first. */
export function* smallerPrograms(program: Program): Iterable<Program> {
  for (const root of smallerBlocks(program.root)) yield programOf({ ...program, root });
}

/** Without a run of its statements, with a statement replaced by what is inside of it, with a smaller statement. */
function* smallerBlocks(block: Block): Generator<Block> {
  yield* withoutChunks(block);
  for (const [index, statement] of block.entries()) {
    for (const inner of insides(statement)) yield spliced(block, index, inner);
  }
  for (const [index, statement] of block.entries()) {
    for (const smaller of smallerStatements(statement)) yield spliced(block, index, [smaller]);
  }
}

function* withoutChunks<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < list.length; start += size) {
      yield [...list.slice(0, start), ...list.slice(start + size)];
    }
  }
}

function spliced<T>(list: readonly T[], index: number, items: readonly T[]): readonly T[] {
  return [...list.slice(0, index), ...items, ...list.slice(index + 1)];
}

/** What can stand in a statement's place. */
function insides(statement: Statement): readonly Block[] {
  switch (statement.kind) {
    case "await":
      return insidesOf(statement.operation);
    case "float":
      return [[{ kind: "await", operation: statement.operation }], ...insidesOf(statement.operation)];
    case "late":
      return [statement.body, [{ kind: "await", operation: statement.operation }]];
    case "if":
      return [statement.body, statement.otherwise];
    case "recurse":
      return [statement.body, statement.after];
    case "try":
      return [statement.body, statement.handler, statement.cleanup];
    case "loop":
    case "hook":
      return [statement.body];
    case "generator":
    case "fromAsync":
      return statement.operations.map((operation) => [{ kind: "await", operation }]);
    default:
      return [];
  }
}

function insidesOf(operation: Operation): readonly Block[] {
  return operation.kind === "branch" ? [operation.body] : [];
}

/** The node with each of these in the place of one of its fields. */
function* withEach<N extends Statement | Operation, K extends keyof N>(
  node: N,
  field: K,
  values: Iterable<N[K]>,
): Generator<N> {
  for (const value of values) yield { ...node, [field]: value };
}

function* smallerStatements(statement: Statement): Generator<Statement> {
  switch (statement.kind) {
    case "await":
    case "float":
      yield* withEach(statement, "operation", smallerOperations(statement.operation));
      return;
    case "late":
      yield* withEach(statement, "body", smallerBlocks(statement.body));
      yield* withEach(statement, "operation", smallerOperations(statement.operation));
      return;
    case "rich":
      yield* withEach(statement, "k", smallerNumbers(statement.k));
      return;
    case "if":
      yield* withEach(statement, "body", smallerBlocks(statement.body));
      yield* withEach(statement, "otherwise", smallerBlocks(statement.otherwise));
      return;
    case "loop":
      yield* withEach(statement, "count", smallerNumbers(statement.count, 1));
      yield* withEach(statement, "body", smallerBlocks(statement.body));
      return;
    case "recurse":
      yield* withEach(statement, "depth", smallerNumbers(statement.depth, 1));
      yield* withEach(statement, "body", smallerBlocks(statement.body));
      yield* withEach(statement, "after", smallerBlocks(statement.after));
      return;
    case "try":
      return yield* smallerTries(statement);
    case "generator":
      yield* withEach(statement, "operations", smallerLists(statement.operations));
      yield* withEach(statement, "hops", smallerNumbers(statement.hops));
      return;
    case "fromAsync":
      yield* withEach(statement, "operations", smallerLists(statement.operations));
      return;
    case "hook":
      yield* smallerHooks(statement);
  }
}

function* smallerTries(statement: Extract<Statement, { kind: "try" }>): Generator<Statement> {
  yield* withEach(statement, "body", smallerBlocks(statement.body));
  yield* withEach(statement, "handler", smallerBlocks(statement.handler));
  yield* withEach(statement, "cleanup", smallerBlocks(statement.cleanup));
  if (statement.throws !== 0) yield { ...statement, throws: 0 };
}

function* smallerHooks(statement: HookStatement): Generator<Statement> {
  yield* withEach(statement, "body", smallerBlocks(statement.body));
  yield* withEach(statement, "rounds", smallerNumbers(statement.rounds, 1));
  yield* withEach(statement, "ms", smallerNumbers(statement.ms));
}

function* smallerOperations(operation: Operation): Generator<Operation> {
  switch (operation.kind) {
    case "call":
      return yield* smallerCalls(operation);
    case "sleep":
      return yield* smallerSleeps(operation);
    case "hops":
      yield* withEach(operation, "count", smallerNumbers(operation.count));
      return;
    case "branch":
      yield* withEach(operation, "body", smallerBlocks(operation.body));
      return;
    case "group":
      yield* operation.operations.filter(({ kind }) => kind !== "never");
      for (const operations of smallerLists(operation.operations)) {
        if (canSettle(operations)) yield { ...operation, operations };
      }
  }
}

function* smallerCalls(call: Call): Generator<Operation> {
  yield* withEach(call, "before", smallerNumbers(call.before));
  yield* withEach(call, "after", smallerNumbers(call.after));
  if (call.style !== "plain") yield { ...call, style: "plain" };
  yield* withEach(call, "k", smallerNumbers(call.k));
}

function* smallerSleeps(sleep: Sleep): Generator<Operation> {
  if (sleep.ms < 0) yield { ...sleep, ms: 0 };
  yield* withEach(sleep, "ms", smallerNumbers(sleep.ms));
  if (sleep.form !== "number" && sleep.ms >= 0) yield { ...sleep, form: "number" };
}

function* smallerLists(operations: readonly Operation[]): Generator<readonly Operation[]> {
  yield* withoutChunks(operations);
  for (const [index, operation] of operations.entries()) {
    for (const smaller of smallerOperations(operation)) yield spliced(operations, index, [smaller]);
  }
}

/** The least, the half, one less. */
function smallerNumbers(value: number, least = 0): readonly number[] {
  const candidates = [least, Math.floor(value / 2), value - 1];
  return [...new Set(candidates)].filter((candidate) => candidate >= least && candidate < value);
}
