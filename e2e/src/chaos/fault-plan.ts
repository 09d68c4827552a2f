/** Which fault strikes when. Pure: the same seed gives the same plan. */
import { Chance } from "perdure-sim/chance";

/**
 * `kill`: SIGKILL to a worker. `suspend`: SIGSTOP for longer than its lease, then SIGCONT. `terminate`: the server ends a
 * backend. `cut`: a connection is lost after the server has committed and before it is told. `restart`: the server is
 * stopped at once and recovers.
 */
export const faultKinds = ["kill", "suspend", "terminate", "cut", "restart"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What is planned per minute: about a fifth finds no victim, since a server that is down has no backends to end. */
const perMinute: Readonly<Record<FaultKind, number>> = {
  kill: 34,
  suspend: 16,
  terminate: 220,
  cut: 220,
  restart: 4,
};

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Milliseconds after the beginning. */
  readonly atMs: number;
  /** From 0 to 1: which victim. */
  readonly draw: number;
}

export function faultPlan(seed: number, seconds: number, rates = perMinute): readonly PlannedFault[] {
  const chance = Chance.of(seed, "faults");
  const plan = faultKinds.flatMap((kind) => {
    const count = Math.round((rates[kind] * seconds) / 60);
    // One in each of so many equal parts, so that no part is quiet.
    const part = (seconds * 1_000) / Math.max(1, count);
    return Array.from({ length: count }, (_, index) => ({
      kind,
      atMs: Math.round((index + chance.next()) * part),
      draw: chance.next(),
    }));
  });
  return plan.sort((a, b) => a.atMs - b.atMs);
}
