/** Prints the life of a hook. Whatever becomes of it is noted, a conflict too, and never reaches the running value by itself. */
import { indented } from "./layout.ts";
import type { Block, HookStatement } from "./program.ts";

/** What the printer of hooks needs of the printer of everything. */
export interface HookPrinterSite {
  readonly name: (stem: string) => string;
  readonly block: (statements: Block) => readonly string[];
}

export class HookPrinter {
  readonly #site: HookPrinterSite;

  constructor(site: HookPrinterSite) {
    this.#site = site;
  }

  lines(hook: HookStatement): readonly string[] {
    const name = this.#site.name("hook");
    return [
      "try {",
      ...indented(this.#life(hook, name)),
      "} catch (error) {",
      `  note("${name}", v, nameOf(error));`,
      "}",
    ];
  }

  #life(hook: HookStatement, name: string): readonly string[] {
    const creation = `createHook({ token: \`\${input.tokens}-${hook.token}\` })`;
    const created = `const ${name} = ${creation};`;
    const disposed = `${name}.dispose();`;
    switch (hook.use) {
      case "race":
        return [created, ...this.#races(hook, name), disposed];
      case "open":
        return [created, ...this.#races({ ...hook, rounds: 1 }, name)];
      case "recreate":
        return [
          `for (let made = 0; made < ${hook.rounds}; made += 1) {`,
          ...indented([created, ...this.#races({ ...hook, rounds: 1 }, name), disposed]),
          "}",
        ];
      case "carry":
        return [created, ...this.#carry(hook, name), disposed];
      case "await":
        return [created, `const payload = await ${name};`, ...this.#received(hook, name, "payload"), disposed];
      case "iterate":
        return [created, ...this.#iterate(hook, name), disposed];
      case "using":
        return ["{", ...indented([`using ${name} = ${creation};`, ...this.#iterate(hook, name)]), "}"];
      case "closing":
        return [
          created,
          `void sleep(${hook.ms}).then(() => ${disposed.slice(0, -1)});`,
          `for await (const payload of ${name}) {`,
          ...indented(this.#received(hook, name, "payload")),
          "}",
        ];
      case "probe":
        return [created, ...conflictNoted(name, name), ...this.#races(hook, name), disposed];
      case "twice":
        return this.#twice(hook, name, created, creation);
    }
  }

  #received(hook: HookStatement, name: string, payload: string): readonly string[] {
    return [`note("${name}", v, ${payload});`, ...this.#site.block(hook.body)];
  }

  #races(hook: HookStatement, name: string): readonly string[] {
    const round = [
      `const seen: unknown = await Promise.race([${name}, sleep(${hook.ms}).then(() => "late")]);`,
      `note("${name}", v, seen);`,
    ];
    const reaction =
      hook.body.length === 0 ? [] : [`if (seen !== "late") {`, ...indented(this.#site.block(hook.body)), "}"];
    return [`for (let round = 0; round < ${hook.rounds}; round += 1) {`, ...indented([...round, ...reaction]), "}"];
  }

  /** One promise of the iterator is raced until it settles, so that no payload is lost to a race that is over. */
  #carry(hook: HookStatement, name: string): readonly string[] {
    return [
      `const arrivals = ${name}[Symbol.asyncIterator]();`,
      "let next = arrivals.next();",
      `for (let round = 0; round < ${hook.rounds}; round += 1) {`,
      ...indented([
        `const seen = await Promise.race([next, sleep(${hook.ms})]);`,
        `note("${name}", v, seen?.value);`,
        "if (seen === undefined) continue;",
        "next = arrivals.next();",
        ...this.#site.block(hook.body),
      ]),
      "}",
    ];
  }

  #iterate(hook: HookStatement, name: string): readonly string[] {
    return [
      "let count = 0;",
      `for await (const payload of ${name}) {`,
      ...indented([...this.#received(hook, name, "payload"), "count += 1;", `if (count >= ${hook.rounds}) break;`]),
      "}",
    ];
  }

  /** The second one asks for a token that the first one holds. */
  #twice(hook: HookStatement, name: string, created: string, creation: string): readonly string[] {
    const second = this.#site.name("second");
    return [
      created,
      `const ${second} = ${creation};`,
      ...conflictNoted(name, second),
      `await Promise.race([${second}, sleep(${hook.ms})]).catch((error: unknown) => note("${second}", v, nameOf(error)));`,
      ...this.#races(hook, name),
      `${name}.dispose();`,
      `${second}.dispose();`,
    ];
  }
}

function conflictNoted(label: string, name: string): readonly string[] {
  return [`note("${label}", v, (await ${name}.getConflict()) === null ? "ours" : "taken");`];
}
