/** The trivial step, and workflows that do nothing but call it. */

async function echo(value: number): Promise<number> {
  "use step";
  return value;
}

export async function inSequence(count: number): Promise<number> {
  "use workflow";
  let last = 0;
  for (let index = 0; index < count; index += 1) last = await echo(index);
  return last;
}

export async function inParallel(count: number): Promise<number> {
  "use workflow";
  const values = await Promise.all(Array.from({ length: count }, (_, index) => echo(index)));
  return values.length;
}
