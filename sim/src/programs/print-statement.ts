/** Prints statements and operations. Names are numbered in the order of the text, so they are unique in it. */
import { indented, listed } from "./layout.ts";
import { HookPrinter } from "./print-hook.ts";
import type { Block, Call, KeptType, Operation, Sleep, Statement } from "./program.ts";

type Of<K extends Statement["kind"]> = Extract<Statement, { kind: K }>;

export class StatementPrinter {
  readonly #confluent: boolean;
  readonly #hooks: HookPrinter;
  #names = 0;

  constructor(confluent: boolean) {
    this.#confluent = confluent;
    this.#hooks = new HookPrinter({
      name: (stem) => this.#name(stem),
      block: (statements) => this.block(statements),
    });
  }

  /** The lines of statements in a row. */
  block(statements: Block): readonly string[] {
    return statements.flatMap((statement) => this.#statement(statement));
  }

  /** The line that ends the workflow. */
  ending(how: "plain" | "map"): string {
    const parts = this.#confluent ? ["v", "kept"] : ["v", "kept", "notes"];
    if (how === "plain") return `return { ${parts.join(", ")} };`;
    return `return new Map<string, unknown>([${parts.map((part) => `["${part}", ${part}]`).join(", ")}]);`;
  }

  #name(stem: string): string {
    this.#names += 1;
    return `${stem}${this.#names}`;
  }

  #note(stem: string): string {
    return `note("${this.#name(stem)}", v);`;
  }

  #statement(statement: Statement): readonly string[] {
    switch (statement.kind) {
      case "await":
        return [`v = mix(v, await ${this.#operation(statement.operation)});`, this.#note(statement.operation.kind)];
      case "float":
        return this.#float(statement);
      case "late":
        return this.#late(statement);
      case "mutate":
        return this.#mutate(statement);
      case "rich":
        return [`kept.push(await ${statement.step}(${statement.k}, v));`, this.#note("rich")];
      case "keep":
        return [`kept.push(${keptValues[statement.type]});`, this.#note("keep")];
      case "log":
        return [`console.${statement.level}("${this.#name("log")}", { v }, [v, "seen"]);`];
      case "if":
        return this.#if(statement);
      case "loop":
        return this.#loop(statement);
      case "recurse":
        return this.#recurse(statement);
      case "try":
        return this.#try(statement);
      case "generator":
        return this.#generator(statement);
      case "fromAsync":
        return this.#fromAsync(statement);
      case "hook":
        return this.#hooks.lines(statement);
      case "end":
        return [this.#note("end"), statement.how === "throw" ? throwing("the end") : this.ending(statement.how)];
    }
  }

  #float({ operation }: Of<"float">): readonly string[] {
    const started = this.#operation(operation);
    const name = this.#name("floated");
    return [
      `void ${started}.then(`,
      `  () => note("${name}", v),`,
      `  (error: unknown) => note("${name}", v, nameOf(error)),`,
      ");",
    ];
  }

  /** The engine sees to the rejections of what it gives out itself, so those are left alone until they are awaited. */
  #late({ operation, body }: Of<"late">): readonly string[] {
    const name = this.#name("late");
    const isEngines = operation.kind === "call" && operation.before === 0 && operation.after === 0;
    const started = this.#operation(operation);
    return [
      `const ${name} = ${isEngines ? started : `quiet(${started})`};`,
      ...this.block(body),
      `v = mix(v, await ${name});`,
      `note("${name}", v);`,
    ];
  }

  #mutate({ step }: Of<"mutate">): readonly string[] {
    const [sent, first, second] = [this.#name("sent"), this.#name("first"), this.#name("second")];
    return [
      `const ${sent} = { a: v, list: [1, v] };`,
      `const ${first} = ${step}(${sent});`,
      `${sent}.a = -1;`,
      `${sent}.list.push(9);`,
      `const ${second} = ${step}(${sent});`,
      `${sent}.list.length = 0;`,
      `for (const echoed of [await ${first}, await ${second}]) {`,
      "  v = mix(v, [echoed.a, ...echoed.list]);",
      "  echoed.list.push(v);",
      `  v = mix(v, (await ${step}(echoed)).list);`,
      "}",
      this.#note("mutate"),
    ];
  }

  #if({ by, modulus, body, otherwise }: Of<"if">): readonly string[] {
    const tests = {
      value: `v % ${modulus} === 0`,
      clock: `Date.now() % ${modulus} === 0`,
      chance: `Math.random() < ${1 / modulus}`,
    };
    const lines = [`if (${tests[by]}) {`, ...indented(this.block(body))];
    return otherwise.length === 0 ? [...lines, "}"] : [...lines, "} else {", ...indented(this.block(otherwise)), "}"];
  }

  #loop({ count, body }: Of<"loop">): readonly string[] {
    const name = this.#name("round");
    return [
      `for (let ${name} = 0; ${name} < ${count}; ${name} += 1) {`,
      ...indented([...this.block(body), `note("${name}", v, ${name});`]),
      "}",
    ];
  }

  #recurse({ depth, body, after }: Of<"recurse">): readonly string[] {
    const name = this.#name("descend");
    return [
      `const ${name} = async (depth: number): Promise<void> => {`,
      ...indented([
        "if (depth === 0) return;",
        `note("${name}", v, depth);`,
        ...this.block(body),
        `await ${name}(depth - 1);`,
        ...this.block(after),
      ]),
      "};",
      `await ${name}(${depth});`,
    ];
  }

  #try({ throws, body, handler, cleanup }: Of<"try">): readonly string[] {
    const thrown = throws === 0 ? [] : [`if (v % ${throws} === 0) ${throwing("divisible")}`];
    const lines = ["try {", ...indented([...this.block(body), ...thrown]), "} catch (error) {"];
    const caught = [`note("${this.#name("caught")}", v, nameOf(error));`, ...this.block(handler)];
    const cleaning = cleanup.length === 0 ? [] : ["} finally {", ...indented(this.block(cleanup))];
    return [...lines, ...indented(caught), ...cleaning, "}"];
  }

  #generator({ hops, operations }: Of<"generator">): readonly string[] {
    const name = this.#name("produce");
    const yields = operations.flatMap((operation) => [`yield ${this.#operation(operation)};`, `await hop(${hops});`]);
    return [
      `const ${name} = async function* () {`,
      ...indented(yields),
      "};",
      `for await (const item of ${name}()) {`,
      ...indented(["v = mix(v, item);", `note("${name}", v);`]),
      "}",
    ];
  }

  #fromAsync({ from, operations }: Of<"fromAsync">): readonly string[] {
    const name = this.#name("items");
    if (from === "list") {
      const list = operations.map((operation) => `quiet(${this.#operation(operation)})`);
      return [`const ${name} = await Array.fromAsync<unknown>([`, ...listed(list), "]);", ...this.#mixed(name)];
    }
    const yields = operations.map((operation) => `yield ${this.#operation(operation)};`);
    return [
      `const ${name} = await Array.fromAsync<unknown>((async function* () {`,
      ...indented(yields),
      "})());",
      ...this.#mixed(name),
    ];
  }

  #mixed(name: string): readonly string[] {
    return [`v = mix(v, ${name});`, `note("${name}", v);`];
  }

  /** An expression of a promise or a thenable. */
  #operation(operation: Operation): string {
    switch (operation.kind) {
      case "call":
        return printCall(operation);
      case "sleep":
        return printSleep(operation);
      case "hops":
        return `hop(${operation.count})`;
      case "never":
        return "new Promise<number>(() => {})";
      case "branch":
        return this.#branch(operation.body, operation.isolated);
      case "group":
        return this.#group(operation.combinator, operation.operations);
    }
  }

  #branch(body: Block, isolated: boolean): string {
    const own = isolated ? ["const kept: unknown[] = [];"] : [];
    const left = isolated ? [`note("own", v, kept.length);`] : [];
    const lines = [...own, ...this.block(body), ...left, "return v;"];
    const [parameter, argument] = isolated ? ["v: number", "v"] : ["", ""];
    return [`(async (${parameter}): Promise<number> => {`, ...indented(lines), `})(${argument})`].join("\n");
  }

  /** Which failure of several comes first depends on time, so that a confluent program does not tell them apart. */
  #group(combinator: string, operations: readonly Operation[]): string {
    const list = listed(operations.map((operation) => this.#operation(operation)));
    const alike = this.#confluent && combinator === "all" ? `.catch(() => { ${throwing("all")} })` : "";
    return [`Promise.${combinator}<unknown>([`, ...list, `])${alike}`].join("\n");
  }
}

const keptValues: Readonly<Record<KeptType, string>> = {
  map: `new Map<unknown, unknown>([["v", v], [v, new Set([v, "v"])]])`,
  set: `new Set<unknown>([v, { v }])`,
  date: "new Date(v * 86_400_000)",
  bigint: "BigInt(v) ** 9n",
  error: `new RangeError("kept", { cause: new TypeError(String(v)) })`,
  bytes: "Uint8Array.of(v % 256, 7)",
};

const throwing = (message: string): string => `throw new RangeError("${message}");`;

function printCall({ step, k, before, after, style }: Call): string {
  const call = `${step}(${k}, v)`;
  const hopping = before === 0 && after === 0 ? call : `((v: number) => around(${before}, () => ${call}, ${after}))(v)`;
  return style === "thenable" ? `thenable(${hopping})` : hopping;
}

function printSleep({ ms, form }: Sleep): string {
  if (form === "date") return `sleep(new Date(Date.now() + ${ms}))`;
  if (form === "number") return `sleep(${ms})`;
  return ms > 0 && ms % 1_000 === 0 ? `sleep("${ms / 1_000}s")` : `sleep("${ms}ms")`;
}
