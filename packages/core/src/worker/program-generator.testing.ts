/**
 * Random workflow programs for property tests, from a seed: sequences, combinators, nested and floating branches, loops,
 * hops, sleeps, hooks, failing steps, mutated arguments, async generators. Every statement notes what it saw: its label,
 * the clock, a random draw and the running value, so two executions that differ anywhere differ in their notes.
 */
export interface GeneratedProgram {
  readonly seed: number;
  /** Source of one async function without parameters. */
  readonly source: string;
  /** How often each kind of statement occurs in the source. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** Hook tokens of a run are `tok-0`, `tok-1`, … in order of creation, so that a test can answer them. */
export const hookTokensMax = 12;

type Random = () => number;

function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function generateProgram(seed: number): GeneratedProgram {
  const writer = new ProgramWriter(mulberry32(seed));
  const body = writer.block(3, 5 + Math.floor(writer.random() * 5));
  const source = `async () => {
  const work = step("work"), fail = step("fail"), echo = step("echo");
  const notes = []; const start = Date.now(); let v = 1; let hooks = 0;
  const note = (label) => { notes.push(label + " @" + (Date.now() - start) + " r" + Math.floor(Math.random() * 1000) + " v" + v); };
  const hop = async (n) => { for (let i = 0; i < n; i++) await null; };
${body}
  note("end"); console.log(notes.length); return notes;
}`;
  return { seed, source, kinds: writer.kinds };
}

class ProgramWriter {
  readonly random: Random;
  readonly kinds: Record<string, number> = {};
  #label = 0;
  #names = 0;

  constructor(random: Random) {
    this.random = random;
  }

  block(depth: number, count = 1 + this.#int(3)): string {
    return Array.from({ length: count }, () => this.#statement(depth)).join("\n");
  }

  #int(below: number): number {
    return Math.floor(this.random() * below);
  }

  #name(): string {
    this.#names += 1;
    return `x${this.#names}`;
  }

  #note(what: string): string {
    this.#label += 1;
    return `note("${what}${this.#label}");`;
  }

  #count(kind: string): void {
    this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
  }

  #statement(depth: number): string {
    const flat = [
      () => this.#step(),
      () => this.#step(),
      () => this.#failing(),
      () => this.#sleep(),
      () => this.#hops(),
      () => this.#mutation(),
      () => this.#floatingCall(),
    ];
    const nested = [
      () => this.#combinator(depth),
      () => this.#combinator(depth),
      () => this.#floatingBranch(depth),
      () => this.#loop(depth),
      () => this.#choice(depth),
      () => this.#late(depth),
      () => this.#generator(),
      () => this.#hookRace(),
      () => this.#hookLoop(),
      () => this.#tryBlock(depth),
    ];
    const choices = depth > 0 ? [...flat, ...nested] : flat;
    const pick = choices[this.#int(choices.length)];
    return pick === undefined ? "" : pick();
  }

  #step(): string {
    this.#count("step");
    return `v = (v * 31 + await work(${this.#int(9)}, v)) % 1009; ${this.#note("step")}`;
  }

  #failing(): string {
    this.#count("try");
    return `try { await fail(${this.#int(9)}, v); } catch (error) { ${this.#note("caught")} notes.push(error.name + error.message.length); }`;
  }

  #sleep(): string {
    this.#count("sleep");
    return `await sleep(${this.#int(25)}); ${this.#note("slept")}`;
  }

  #hops(): string {
    this.#count("hops");
    return `await hop(${this.#int(17)}); ${this.#note("hop")}`;
  }

  #mutation(): string {
    this.#count("mutation");
    const name = this.#name();
    return `{ const ${name} = { a: v, list: [1] }; const p = echo(${name}); ${name}.a = -1; const r = await p; r.list.push(2); notes.push(JSON.stringify(r)); ${this.#note("echo")} }`;
  }

  #floatingCall(): string {
    this.#count("floating");
    return `void work(${this.#int(9)}, v).then(() => { ${this.#note("floated")} });`;
  }

  #floatingBranch(depth: number): string {
    this.#count("floating");
    return `void (async () => { ${this.block(depth - 1)} })().catch(() => { ${this.#note("lost")} });`;
  }

  #combinator(depth: number): string {
    const kind = ["all", "race", "any", "allSettled"][this.#int(4)] ?? "all";
    this.#count(kind);
    const branches = Array.from({ length: 2 + this.#int(3) }, () => this.#branch(depth - 1)).join(",\n");
    return `try { const r = await Promise.${kind}([${branches}]); notes.push(JSON.stringify(r)); ${this.#note(kind)} } catch (error) { notes.push(error.name); ${this.#note("none")} }`;
  }

  #branch(depth: number): string {
    const choice = this.#int(5);
    if (choice === 0) return `work(${this.#int(9)}, ${this.#int(9)})`;
    if (choice === 1) return `sleep(${this.#int(25)})`;
    if (choice === 2) return `fail(${this.#int(9)}, v)`;
    if (choice === 3) return `hop(${this.#int(17)}).then(() => work(${this.#int(9)}, 1))`;
    return `(async () => { ${this.block(Math.max(0, depth))} return ${this.#int(100)}; })()`;
  }

  #loop(depth: number): string {
    this.#count("loop");
    const name = this.#name();
    return `for (let ${name} = 0; ${name} < ${1 + this.#int(3)}; ${name}++) { ${this.block(depth - 1)} }`;
  }

  #choice(depth: number): string {
    this.#count("branch");
    const condition = ["v % 2 === 0", "Date.now() % 3 === 0", "Math.random() < 0.5"][this.#int(3)] ?? "v > 0";
    return `if (${condition}) { ${this.block(depth - 1)} } else { ${this.block(depth - 1)} }`;
  }

  /** A result that is awaited after other things have happened, perhaps after it was rejected. */
  #late(depth: number): string {
    this.#count("late");
    const name = this.#name();
    const call = this.#int(2) === 0 ? "work" : "fail";
    return `{ const ${name} = ${call}(${this.#int(9)}, v); ${this.block(depth - 1)} try { v = (v + await ${name}) % 1009; } catch { ${this.#note("late")} } }`;
  }

  #generator(): string {
    this.#count("generator");
    return `for await (const x of (async function* () { yield await work(${this.#int(9)}, v); yield 2; await hop(2); yield await work(1, 1); })()) { v = (v + x) % 1009; ${this.#note("item")} }`;
  }

  #hookRace(): string {
    this.#count("hook");
    return `if (hooks < ${hookTokensMax}) { const h = createHook({ token: "tok-" + hooks++ }); for (let i = 0; i < 3; i++) { const r = await Promise.race([h, sleep(${1 + this.#int(12)}).then(() => "late")]); notes.push(JSON.stringify(r)); ${this.#note("race")} } h.dispose(); }`;
  }

  #hookLoop(): string {
    this.#count("hook");
    return `if (hooks < ${hookTokensMax}) { using h = createHook({ token: "tok-" + hooks++ }); for await (const p of h) { notes.push(p.n); ${this.#note("payload")} if (p.n >= ${1 + this.#int(2)}) break; } }`;
  }

  #tryBlock(depth: number): string {
    this.#count("try");
    return `try { ${this.block(depth - 1)} if (v % 3 === 0) throw new RangeError("three"); } catch (error) { ${this.#note("thrown")} } finally { ${this.#note("finally")} }`;
  }
}
