/** The same with a large library in the bundle, which every execution evaluates. */
import { sleep } from "perdure";
import { z } from "zod";

const Count = z.object({ count: z.number().int().nonnegative() });

async function echo(value: number): Promise<number> {
  "use step";
  return value;
}

export async function checkedInSequence(count: number): Promise<number> {
  "use workflow";
  const parsed = Count.parse({ count });
  let last = 0;
  for (let index = 0; index < parsed.count; index += 1) last = await echo(index);
  return last;
}

export async function checkedMonth(count: number): Promise<number> {
  "use workflow";
  const parsed = Count.parse({ count });
  await sleep("30d");
  return parsed.count;
}
