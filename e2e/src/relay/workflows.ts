/** Runs whose steps tell in which process they ran. */
import { block, haul, leg } from "./steps.ts";

export async function relay(length: number): Promise<number[]> {
  "use workflow";
  const pids: number[] = [];
  for (let index = 0; index < length; index += 1) pids.push(await leg(index));
  return pids;
}

/** One leg, and then one that blocks. */
export async function standstill(): Promise<number[]> {
  "use workflow";
  return [await leg(0), await block(1)];
}

/** So many legs at once, in the background, and one of the driver's own after them. */
export async function fleet(size: number): Promise<number[]> {
  "use workflow";
  const pids = await Promise.all(Array.from({ length: size }, (_, index) => haul(index)));
  return [...pids, await leg(size)];
}
