/**
 * What a confluent program comes to, found without the engine: the tree is evaluated branch after branch, which gives what any
 * order gives. A second opinion is worth something only when it is formed alone, so nothing here is shared with the printer.
 */
import type { Block, Inputs, KeptType, Operation, Program, Statement } from "./program.ts";
import { outcomeOf } from "./step-bodies.ts";

/** The value that the workflow returns, or the name of the error that it throws. */
export type Expected =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "thrown"; readonly name: string };

/** The expected end of a run. Throws `TypeError` for a program whose result depends on more than its input. */
export function interpret(program: Program, inputs: Inputs): Expected {
  if (!program.confluent) throw notConfluent("a program that says so");
  const scope: Scope = { v: inputs.n, kept: [] };
  try {
    runBlock(program.root, scope);
    const isMap = program.root.some((statement) => statement.kind === "end" && statement.how === "map");
    const value = isMap ? new Map(Object.entries(scope)) : scope;
    return { kind: "returned", value };
  } catch (error) {
    if (error instanceof Thrown) return { kind: "thrown", name: error.thrown };
    throw error;
  }
}

/** The running value and the kept values of a function. */
interface Scope {
  v: number;
  kept: unknown[];
}

/** What the program throws. */
class Thrown extends Error {
  readonly thrown: string;

  constructor(thrown: string) {
    super(thrown);
    this.thrown = thrown;
  }
}

const notConfluent = (what: string): TypeError => new TypeError(`The result depends on more than the input: ${what}.`);

function runBlock(block: Block, scope: Scope): void {
  for (const statement of block) run(statement, scope);
}

function run(statement: Statement, scope: Scope): void {
  switch (statement.kind) {
    case "await":
      scope.v = mix(scope.v, evaluate(statement.operation, scope.v));
      return;
    case "float":
    case "log":
      return;
    case "late":
      runLate(statement, scope);
      return;
    case "mutate":
      runMutate(scope);
      return;
    case "rich":
      scope.kept.push(stepResult(statement.step, [statement.k, scope.v]));
      return;
    case "keep":
      scope.kept.push(keptValue(statement.type, scope.v));
      return;
    case "if":
      if (statement.by !== "value") throw notConfluent(`a branch on ${statement.by}`);
      runBlock(scope.v % statement.modulus === 0 ? statement.body : statement.otherwise, scope);
      return;
    case "loop":
      for (let round = 0; round < statement.count; round += 1) runBlock(statement.body, scope);
      return;
    case "recurse":
      for (let level = 0; level < statement.depth; level += 1) runBlock(statement.body, scope);
      for (let level = 0; level < statement.depth; level += 1) runBlock(statement.after, scope);
      return;
    case "try":
      runTry(statement, scope);
      return;
    case "generator":
      for (const operation of statement.operations) scope.v = mix(scope.v, evaluate(operation, scope.v));
      return;
    case "fromAsync":
      scope.v = mix(scope.v, evaluateAll(statement.operations, scope.v));
      return;
    case "hook":
      if (statement.body.length > 0) throw notConfluent("what a payload sets off");
      return;
    case "end":
      if (statement.how === "throw") throw new Thrown("RangeError");
  }
}

/** The operation sees the running value of its start; its failure shows when it is awaited. */
function runLate({ operation, body }: Extract<Statement, { kind: "late" }>, scope: Scope): void {
  const settled = settle(operation, scope.v);
  runBlock(body, scope);
  if ("thrown" in settled) throw settled.thrown;
  scope.v = mix(scope.v, settled.value);
}

/** Each call has what its arguments were when it was made, and each result is the receiver's own. */
function runMutate(scope: Scope): void {
  const sent = scope.v;
  const echoes = [
    { a: sent, list: [1, sent] },
    { a: -1, list: [1, sent, 9] },
  ];
  for (const { a, list } of echoes) {
    scope.v = mix(scope.v, [a, ...list]);
    list.push(scope.v);
    scope.v = mix(scope.v, list);
  }
}

function runTry(statement: Extract<Statement, { kind: "try" }>, scope: Scope): void {
  const { throws, body, handler, cleanup } = statement;
  try {
    runBlock(body, scope);
    if (throws !== 0 && scope.v % throws === 0) throw new Thrown("RangeError");
  } catch (error) {
    if (!(error instanceof Thrown)) throw error;
    runBlock(handler, scope);
  } finally {
    runBlock(cleanup, scope);
  }
}

function evaluate(operation: Operation, v: number): unknown {
  switch (operation.kind) {
    case "call":
      return stepResult(operation.step, [operation.k, v]);
    case "branch": {
      if (!operation.isolated) throw notConfluent("a branch that shares the running value");
      const scope: Scope = { v, kept: [] };
      runBlock(operation.body, scope);
      return scope.v;
    }
    case "group":
      return evaluateGroup(operation, v);
    case "sleep":
    case "hops":
      return undefined;
    case "never":
      throw notConfluent("a promise that nothing settles");
  }
}

function evaluateAll(operations: readonly Operation[], v: number): readonly unknown[] {
  return operations.map((operation) => evaluate(operation, v));
}

type Settled = { readonly value: unknown } | { readonly thrown: Thrown };

function settle(operation: Operation, v: number): Settled {
  try {
    return { value: evaluate(operation, v) };
  } catch (error) {
    if (error instanceof Thrown) return { thrown: error };
    throw error;
  }
}

function evaluateGroup({ combinator, operations }: Extract<Operation, { kind: "group" }>, v: number): unknown {
  const settled = operations.filter(({ kind }) => kind !== "never").map((operation) => settle(operation, v));
  const fulfilled = settled.filter((result) => "value" in result);
  const [first] = settled;
  switch (combinator) {
    case "all":
      if (fulfilled.length < settled.length) throw new Thrown("RangeError");
      return fulfilled.map(({ value }) => value);
    case "allSettled":
      return settled.map((result) => new Outcome(result));
    case "any":
      if (fulfilled.length > 1) throw notConfluent("which of several comes first");
      if (fulfilled.length === 0) throw new Thrown("AggregateError");
      return fulfilled[0]?.value;
    case "race":
      if (settled.length !== 1 || first === undefined) throw notConfluent("which of several comes first");
      if ("thrown" in first) throw first.thrown;
      return first.value;
  }
}

/** What `allSettled` says of one promise. */
class Outcome {
  readonly settled: Settled;

  constructor(settled: Settled) {
    this.settled = settled;
  }
}

function stepResult(step: string, args: readonly unknown[]): unknown {
  const { kind, value } = outcomeOf(step, args);
  if (kind !== "value") throw new Thrown("FatalError");
  return value;
}

/** The running value after something was seen. */
function mix(v: number, seen: unknown): number {
  return (v * 31 + digest(seen)) % 1009;
}

function digest(seen: unknown): number {
  if (typeof seen === "number") return seen;
  if (seen instanceof Outcome) return "value" in seen.settled ? digest(seen.settled.value) + 1 : 7;
  if (!Array.isArray(seen)) return 0;
  let sum = seen.length;
  for (const item of seen) sum = (sum * 31 + digest(item)) % 1009;
  return sum;
}

function keptValue(type: KeptType, v: number): unknown {
  switch (type) {
    case "map":
      return new Map<unknown, unknown>([
        ["v", v],
        [v, new Set([v, "v"])],
      ]);
    case "set":
      return new Set<unknown>([v, { v }]);
    case "date":
      return new Date(v * 86_400_000);
    case "bigint":
      return BigInt(v) ** 9n;
    case "error":
      return new RangeError("kept", { cause: new TypeError(String(v)) });
    case "bytes":
      return Uint8Array.of(v % 256, 7);
  }
}
