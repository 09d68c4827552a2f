/** Workflows that wait: for time, for a payload. */
import { createHook, sleep } from "perdure";
import { arrivals, mark } from "../marks.ts";

async function begin(label: string): Promise<void> {
  "use step";
  mark(label);
}

async function arrive(id: number): Promise<void> {
  "use step";
  arrivals.add(id);
}

async function echo(value: number): Promise<number> {
  "use step";
  return value;
}

/** One step that leaves a mark. */
export async function marked(label: string): Promise<void> {
  "use workflow";
  await begin(label);
}

/** A mark for every payload, until an empty one. */
export async function inbox(token: string): Promise<void> {
  "use workflow";
  using hook = createHook<string>({ token });
  for await (const label of hook) {
    if (label === "") return;
    await begin(label);
  }
}

/** A long past, then one payload and its mark. */
export async function longPast(stepCount: number, token: string): Promise<void> {
  "use workflow";
  for (let index = 0; index < stepCount; index += 1) await echo(index);
  const label = await createHook<string>({ token });
  await begin(label);
}

/** A mark after a sleep. */
export async function asleep(ms: number, label: string): Promise<void> {
  "use workflow";
  await sleep(ms);
  await begin(label);
}

/** A payload, which is the result. */
export async function answered(token: string): Promise<string> {
  "use workflow";
  return await createHook<string>({ token });
}

/** An arrival at a moment, in milliseconds since the epoch. */
export async function asleepUntil(at: number, id: number): Promise<void> {
  "use workflow";
  await sleep(new Date(at));
  await arrive(id);
}

/** A small workflow in the middle of a long wait: what a resident run typically is. */
export async function month(order: { readonly id: number; readonly items: readonly string[] }): Promise<number> {
  "use workflow";
  const paid = await echo(order.id);
  await sleep("30d");
  return paid + order.items.length;
}
