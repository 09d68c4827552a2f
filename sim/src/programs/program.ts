/**
 * Random workflow programs, as trees.
 *
 * A program is made from a seed (`generate.ts`), printed as a TypeScript module (`print.ts`), built by the real compiler
 * (`compile.ts`), edited as a deploy does (`edit.ts`), cut down when it has found a defect (`shrink.ts`) and, when its
 * result depends on nothing but its input, evaluated without the engine (`interpret.ts`). `step-bodies.ts` says what its
 * steps answer. The tree is plain JSON, so a failing program can be kept as text.
 *
 * - The workflow is `main({ tokens, n })`. `n` is the first running value; `tokens` starts the token of every hook, so two
 *   runs share their tokens when they share `tokens`. `hookTokens` lists them. Payloads are anything that JSON can say.
 * - Each statement notes its label, the clock since the start, now and then a random draw, and the running value. The notes go to the
 *   console, and those of a program that is not confluent also into its result.
 * - The running value of an isolated branch is its own; that of any other branch is the one of the function around it.
 * - A confluent program has isolated branches only, and neither clock, chance, payloads nor the winner of a race reach the
 *   running value. It may wait for hooks, so whoever runs it must answer them.
 * - All programs have the same ids for the same steps, `step//./program//<name>`: an edited program is a later version of
 *   the same file.
 */

/** A random workflow program. */
export interface Program {
  readonly seed: number;
  /** The body of the workflow, as plain JSON data. */
  readonly root: Block;
  /** A step that takes one parameter more than in other builds. */
  readonly reshaped?: string;
  /** The result is a pure function of the input. */
  readonly confluent: boolean;
  /** How often each kind of thing occurs in the tree. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** What a run is started with. */
export interface Inputs {
  /** Start of the tokens of the run's hooks. */
  readonly tokens: string;
  /** First running value. */
  readonly n: number;
}

/** Statements in a row. */
export type Block = readonly Statement[];

/** Ways to combine promises. */
export type Combinator = "all" | "race" | "any" | "allSettled";

/** A call of a step with `k` and the running value, with so many microtasks before it and after its result. */
export interface Call {
  readonly kind: "call";
  readonly step: string;
  readonly k: number;
  readonly before: number;
  readonly after: number;
  /** Whether the promise is awaited itself, or an object that has a `then` of its own. */
  readonly style: "plain" | "thenable";
}

/** A sleep, given as a number, as text or as a moment. Only a moment can lie in the past. */
export interface Sleep {
  readonly kind: "sleep";
  readonly ms: number;
  readonly form: "number" | "text" | "date";
}

/** What has a promise. */
export type Operation =
  | Call
  | Sleep
  | { readonly kind: "hops"; readonly count: number }
  | { readonly kind: "branch"; readonly body: Block; readonly isolated: boolean }
  | { readonly kind: "group"; readonly combinator: Combinator; readonly operations: readonly Operation[] }
  /** A promise that nothing settles; only in a race. */
  | { readonly kind: "never" };

/**
 * How a hook is used: raced with sleeps anew or with its iterator's promise carried over, iterated and disposed of, iterated
 * under `using`, awaited once, created again with the same token, created twice at a time, asked for its conflict, disposed
 * of while it is iterated, or left open.
 */
export type HookUse =
  | "race"
  | "carry"
  | "iterate"
  | "using"
  | "await"
  | "recreate"
  | "twice"
  | "probe"
  | "closing"
  | "open";

/** A hook from its creation to its end; `body` runs for each payload. */
export interface HookStatement {
  readonly kind: "hook";
  readonly use: HookUse;
  readonly token: number;
  readonly rounds: number;
  readonly ms: number;
  readonly body: Block;
}

/** Values that a workflow can return and JSON cannot say. */
export type KeptType = "map" | "set" | "date" | "bigint" | "error" | "bytes";

/** One statement. */
export type Statement =
  | { readonly kind: "await"; readonly operation: Operation }
  /** Nothing waits for it. */
  | { readonly kind: "float"; readonly operation: Operation }
  /** Begun before the body, awaited after it. */
  | { readonly kind: "late"; readonly operation: Operation; readonly body: Block }
  /** Arguments are changed after the call, results after they were received. */
  | { readonly kind: "mutate"; readonly step: string }
  /** A step whose result is a rich value, which the workflow keeps and returns. */
  | { readonly kind: "rich"; readonly step: string; readonly k: number }
  | { readonly kind: "keep"; readonly type: KeptType }
  | { readonly kind: "log"; readonly level: "debug" | "info" | "warn" | "error" }
  | {
      readonly kind: "if";
      readonly by: "value" | "clock" | "chance";
      readonly modulus: number;
      readonly body: Block;
      readonly otherwise: Block;
    }
  | { readonly kind: "loop"; readonly count: number; readonly body: Block }
  | { readonly kind: "recurse"; readonly depth: number; readonly body: Block; readonly after: Block }
  /** Throws at the end of the body when the running value is divisible by `throws`; never when that is 0. */
  | {
      readonly kind: "try";
      readonly throws: number;
      readonly body: Block;
      readonly handler: Block;
      readonly cleanup: Block;
    }
  | { readonly kind: "generator"; readonly hops: number; readonly operations: readonly Operation[] }
  | { readonly kind: "fromAsync"; readonly from: "generator" | "list"; readonly operations: readonly Operation[] }
  | HookStatement
  /** How the workflow ends; only as the last statement of the root. */
  | { readonly kind: "end"; readonly how: "map" | "throw" };

/** Any node of a tree. */
export type Node = Statement | Operation;

/** The nodes directly below a node, in the order of the printed text. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "await":
    case "float":
      return [node.operation];
    case "late":
      return [node.operation, ...node.body];
    case "if":
      return [...node.body, ...node.otherwise];
    case "recurse":
      return [...node.body, ...node.after];
    case "try":
      return [...node.body, ...node.handler, ...node.cleanup];
    case "loop":
    case "hook":
    case "branch":
      return node.body;
    case "group":
    case "generator":
    case "fromAsync":
      return node.operations;
    default:
      return [];
  }
}

/** Every node of a tree, parents first. */
export function* nodesOf(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    yield* nodesOf(childrenOf(node));
  }
}

/** The names of the steps that a tree calls, sorted. */
export function stepNames(root: Block): readonly string[] {
  const names = [...nodesOf(root)].flatMap((node) => ("step" in node ? [node.step] : []));
  return [...new Set(names)].sort();
}

/** The tokens of every hook that a run with these inputs can create. */
export function hookTokens(program: Program, inputs: Inputs): readonly string[] {
  const indexes = [...nodesOf(program.root)].flatMap((node) => (node.kind === "hook" ? [node.token] : []));
  return [...new Set(indexes)].sort((a, b) => a - b).map((index) => `${inputs.tokens}-${index}`);
}
