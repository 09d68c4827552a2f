/** What the kills hit. */
import type { World } from "perdure/api";
import { type Kill, points } from "./kill-plan.ts";
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
  /** Kills by where they fell; `anywhere` are those of the controller. */
  readonly byPlace: Readonly<Record<string, number>>;
  /** Kills while a create or an append was called and not answered. */
  readonly inFlight: number;
  /** Writes that were struck within the store's call: how many are in the store, and how many are not. */
  readonly struck: { readonly committed: number; readonly lost: number };
}

export function tally(deaths: readonly Death[]): KillTally {
  const byPlace: Record<string, number> = Object.fromEntries(["anywhere", ...points].map((place) => [place, 0]));
  for (const { status } of deaths) {
    const place = status.reached ?? "anywhere";
    byPlace[place] = (byPlace[place] ?? 0) + 1;
  }
  return {
    byPlace,
    inFlight: deaths.filter(({ status }) => status.isInFlight).length,
    struck: {
      committed: deaths.filter((death) => death.isCommitted === true).length,
      lost: deaths.filter((death) => death.isCommitted === false).length,
    },
  };
}
