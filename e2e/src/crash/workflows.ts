/** The shapes of run that are killed. What each returns is a function of its arguments alone: see `expected.ts`. */
import { createHook, sleep } from "perdure";
import { sizes } from "./sizes.ts";
import { compute, doomed, flaky } from "./steps.ts";

export async function sequence(seed: number): Promise<number> {
  "use workflow";
  let value = seed;
  for (let index = 0; index < sizes.sequence; index += 1) value = await compute(value, `s${index}`);
  return value;
}

export async function fanOut(seed: number): Promise<number[]> {
  "use workflow";
  const labels = Array.from({ length: sizes.fanOut }, (_, index) => `f${index}`);
  return await Promise.all(labels.map((label) => compute(seed, label)));
}

export async function nested(seed: number): Promise<number> {
  "use workflow";
  return await level(seed, sizes.nestingDepth, "n");
}

async function level(seed: number, depth: number, label: string): Promise<number> {
  const own = await compute(seed, label);
  await sleep(50 + (own % 251));
  if (depth === 0) return own;
  const [left, right] = await Promise.all([level(own, depth - 1, `${label}l`), level(own, depth - 1, `${label}r`)]);
  return left ^ right;
}

export async function inbox(
  seed: number,
  token: string,
  count: number,
): Promise<{ payloads: number[]; value: number }> {
  "use workflow";
  using hook = createHook<number>({ token });
  const payloads: number[] = [];
  let value = seed;
  for await (const payload of hook) {
    payloads.push(payload);
    value = await compute(value, `p${payload}`);
    if (payloads.length === count) break;
  }
  return { payloads, value };
}

export async function retries(seed: number): Promise<[number, number, string]> {
  "use workflow";
  const doom = doomed().catch((error: unknown) => (error instanceof Error ? error.message : "no error"));
  const [first, second] = await Promise.all([flaky(seed, "a"), flaky(seed, "b")]);
  return [first, second, await doom];
}

/** One branch is joined at the end; another floats, and is wherever it is when the run returns. */
export async function branches(seed: number): Promise<[number, number]> {
  "use workflow";
  const joined = branch(seed, "j", sizes.joinedBranch);
  branch(seed, "f", sizes.floatingBranch).catch(() => {});
  let value = seed;
  for (let index = 0; index < sizes.mainBranch; index += 1) {
    value = await compute(value, `m${index}`);
    await Promise.race([sleep(30), compute(value, `r${index}`)]);
  }
  return [value, await joined];
}

async function branch(seed: number, label: string, length: number): Promise<number> {
  let value = seed;
  for (let index = 0; index < length; index += 1) {
    value = await compute(value, `${label}${index}`);
    await sleep(20);
  }
  return value;
}
