/** A run that is a row of legs; each tells in which process it ran. */
import { leg } from "./steps.ts";

export async function relay(length: number): Promise<number[]> {
  "use workflow";
  const pids: number[] = [];
  for (let index = 0; index < length; index += 1) pids.push(await leg(index));
  return pids;
}
