/** What a run of each shape returns, computed without Perdure. Pure. */
import { mix } from "./mix.ts";
import { sizes } from "./sizes.ts";

/** The names of the workflows. */
export const shapes = ["sequence", "fanOut", "nested", "inbox", "retries", "branches"] as const;
export type Shape = (typeof shapes)[number];

export function expectedValue(shape: Shape, seed: number): unknown {
  switch (shape) {
    case "sequence":
      return chain(seed, "s", sizes.sequence);
    case "fanOut":
      return Array.from({ length: sizes.fanOut }, (_, index) => mix(seed, `f${index}`));
    case "nested":
      return level(seed, sizes.nestingDepth, "n");
    case "inbox":
      return {
        payloads: Array.from({ length: sizes.payloads }, (_, index) => index),
        value: chain(seed, "p", sizes.payloads),
      };
    case "retries":
      return [mix(seed, "a"), mix(seed, "b"), "doomed"];
    case "branches":
      return [chain(seed, "m", sizes.mainBranch), chain(seed, "j", sizes.joinedBranch)];
  }
}

function chain(seed: number, label: string, length: number): number {
  return Array.from({ length }, (_, index) => `${label}${index}`).reduce(mix, seed);
}

function level(seed: number, depth: number, label: string): number {
  const own = mix(seed, label);
  return depth === 0 ? own : level(own, depth - 1, `${label}l`) ^ level(own, depth - 1, `${label}r`);
}
