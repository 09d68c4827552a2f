/** What the kills hit. */
import type { World } from "perdure/api";
import { type Kill, type Point, points } from "./kill-plan.ts";
import type { Status, StruckWrite } from "./status-file.ts";

/** One worker's end. */
export interface Death {
  readonly kill: Kill;
  readonly status: Status;
  /** Whether the write that was struck is in the store; null when none was. */
  readonly isCommitted: boolean | null;
}

/** Whether a write of a dead worker is in the store. Each event keeps the epoch that wrote it, so it does not matter when one looks. */
export async function isCommitted(world: World, write: StruckWrite): Promise<boolean> {
  if (write.kind === "create") return (await world.runs.get(write.runId)) !== null;
  const later = await world.log.read(write.runId, { after: write.after, limit: 10_000 });
  return later.some(({ epoch }) => epoch === write.epoch);
}

export interface KillTally {
  /** Kills by the named point at which they fell. */
  readonly byPoint: Readonly<Record<Point, number>>;
  /** Kills by the controller at a moment of its choice, and those of workers that did not come to their point in time. */
  readonly timed: number;
  readonly missed: number;
  /** Kills while a create or an append was called and not answered: of all, and of those by the controller. */
  readonly inFlight: number;
  readonly inFlightTimed: number;
  /** Writes that were struck within the store's call: how many are in the store, and how many are not. */
  readonly struck: { readonly committed: number; readonly lost: number };
}

export function tally(deaths: readonly Death[]): KillTally {
  const count = (matches: (death: Death) => boolean): number => deaths.filter(matches).length;
  const byPoint = points.map((point) => [point, count(({ status }) => status.reached === point)]);
  const isTimed = ({ kill }: Death): boolean => kill.kind === "timed";
  return {
    byPoint: Object.fromEntries(byPoint) as Record<Point, number>,
    timed: count(isTimed),
    missed: count((death) => !isTimed(death) && death.status.reached === null),
    inFlight: count(({ status }) => status.isInFlight),
    inFlightTimed: count((death) => isTimed(death) && death.status.isInFlight),
    struck: {
      committed: count((death) => death.isCommitted === true),
      lost: count((death) => death.isCommitted === false),
    },
  };
}
