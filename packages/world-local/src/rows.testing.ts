/** For programs of this repository that change rows on purpose: the checksums that make a changed row a sound one. */
export { type EventRow, sumOfEvent } from "./event-rows.ts";
export { sumOfBytes } from "./row-sum.ts";
export { type RunRow, sumOfRun } from "./run-rows.ts";
