/** Prints a program as one TypeScript module, as a user would write it: a workflow, its steps, and what both share. */
import { StatementPrinter } from "./print-statement.ts";
import { type Program, stepNames } from "./program.ts";
import { bodyOf, ownMaxRetriesOf } from "./step-bodies.ts";

/** The host's function that every printed step calls with its name and its arguments: `globalThis[Symbol.for(stepHostKey)]`. */
export const stepHostKey = "perdure/sim/step";

/** The source of the module. The workflow is `main`. */
export function printProgram(program: Program): string {
  const printer = new StatementPrinter(program.confluent);
  const body = printer.block(program.root);
  const ending = program.root.at(-1)?.kind === "end" ? [] : [printer.ending("plain")];
  const parts = [
    header,
    ...stepNames(program.root).map((name) => printStep(name, name === program.reshaped)),
    shared,
    workflow(program, [...body, ...ending]),
  ];
  return `${parts.join("\n\n")}\n`;
}

const header = `import { createHook, sleep } from "perdure";

const stepHost: unique symbol = Symbol.for(${JSON.stringify(stepHostKey)});
type StepHost = (name: string, args: readonly unknown[]) => Promise<unknown>;
const onHost = (name: string, args: readonly unknown[]): Promise<unknown> =>
  (globalThis as unknown as { [stepHost]: StepHost })[stepHost](name, args);`;

const signatures: Readonly<Record<string, readonly [parameters: string, args: string, result: string]>> = {
  echo: ["value: { a: number; list: number[] }", "[value]", "{ a: number; list: number[] }"],
  rich: ["k: number, v: number", "[k, v]", "unknown"],
};
const usualSignature = ["k: number, v: number", "[k, v]", "number"] as const;

function printStep(name: string, isReshaped: boolean): string {
  const [parameters, args, result] = signatures[bodyOf(name)] ?? usualSignature;
  const more = isReshaped ? ", more?: unknown" : "";
  const maxRetries = ownMaxRetriesOf(name);
  const setting = maxRetries === undefined ? "" : `\n${name}.maxRetries = ${maxRetries};`;
  return `export async function ${name}(${parameters}${more}): Promise<${result}> {
  "use step";
  return (await onHost(${JSON.stringify(name)}, ${args})) as ${result};
}${setting}`;
}

const shared = `const hop = async (count: number): Promise<void> => {
  for (let done = 0; done < count; done += 1) await null;
};

const around = async (before: number, call: () => PromiseLike<number>, after: number): Promise<number> => {
  await hop(before);
  const result = await call();
  await hop(after);
  return result;
};

const thenable = <T>(promise: PromiseLike<T>): PromiseLike<T> => ({
  then: (onValue, onError) => promise.then(onValue, onError),
});

const quiet = <T>(promise: PromiseLike<T>): PromiseLike<T> => {
  promise.then(undefined, () => undefined);
  return promise;
};

const digest = (seen: unknown): number => {
  if (typeof seen === "number") return seen;
  if (Array.isArray(seen)) return seen.reduce((sum, item) => (sum * 31 + digest(item)) % 1009, seen.length);
  if (typeof seen !== "object" || seen === null || !("status" in seen)) return 0;
  return "value" in seen ? digest(seen.value) + 1 : 7;
};

const mix = (v: number, seen: unknown): number => (v * 31 + digest(seen)) % 1009;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);`;

function workflow(program: Program, body: readonly string[]): string {
  const keeping = program.confluent ? "" : "\n    notes.push(line);";
  const notes = program.confluent ? "" : "\n  const notes: string[] = [];";
  return `export async function main(input: { tokens: string; n: number }): Promise<unknown> {
  "use workflow";
  const start = Date.now();
  const kept: unknown[] = [];${notes}
  let count = 0;
  const note = (label: string, v: number, seen?: unknown): void => {
    count += 1;
    const draw = count % 3 === 1 ? Math.floor(Math.random() * 1000) : "";
    const line = \`\${label} @\${Date.now() - start} r\${draw} v\${v} \${JSON.stringify(seen) ?? ""}\`;${keeping}
    console.log(line);
  };
  let v = input.n;
${body.map((line) => `  ${line}`).join("\n")}
}`;
}
