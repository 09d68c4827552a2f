/** The trivial step, and workflows that do nothing but call it. */

async function echo(value: number): Promise<number> {
  "use step";
  return value;
}

async function echoText(text: string): Promise<string> {
  "use step";
  return text;
}

/** The same as a job that any worker may take. */
async function echoAnywhere(value: number): Promise<number> {
  "use step";
  return value;
}
echoAnywhere.dispatch = "background";

/** No step at all. */
export async function plain(value: number): Promise<number> {
  "use workflow";
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

export async function inBackground(count: number): Promise<number> {
  "use workflow";
  const values = await Promise.all(Array.from({ length: count }, (_, index) => echoAnywhere(index)));
  return values.length;
}

export async function inRace(count: number): Promise<number> {
  "use workflow";
  return await Promise.race(Array.from({ length: count }, (_, index) => echo(index)));
}

/** Each step is given the text and returns it. */
export async function textInSequence(count: number, text: string): Promise<number> {
  "use workflow";
  let last = text;
  for (let index = 0; index < count; index += 1) last = await echoText(last);
  return last.length;
}
