/** The two experiments: faults from a seed, and how long runs stand still after a kill. */
import { hastySettings } from "./assignment.ts";
import { type FaultKind, faultPlan } from "./fault-plan.ts";
import { measureRecovery, type Recovery } from "./recovery.ts";
import { onScene } from "./scene.ts";
import { Strikes } from "./strikes.ts";
import { judge, type Verdict } from "./verdict.ts";

interface ExperimentOptions {
  readonly seed: number;
  readonly workers: number;
  /** Told where what is broken can be looked at. */
  readonly onKept: (where: string) => void;
}

export interface ChaosOutcome extends Verdict {
  readonly faults: Readonly<Record<FaultKind, number>>;
}

/** Faults strike for so many seconds; then everything is healed, and every run comes to its end. */
export async function runChaos(options: ExperimentOptions & { readonly seconds: number }): Promise<ChaosOutcome> {
  const { seed, seconds, workers, onKept } = options;
  return await onScene(
    { seed, workers, settings: hastySettings },
    async (scene) => {
      const { traffic, workforce } = scene;
      const strikes = new Strikes(scene);
      await traffic.flow(strikes.carryOut(faultPlan(seed, seconds)));
      workforce.resumeAll();
      await traffic.settle();
      await workforce.dismiss();
      return { faults: strikes.counts, ...(await judge(scene)) };
    },
    onKept,
  );
}

export interface RecoveryOutcome extends Verdict {
  readonly recovery: Recovery;
}

/** So many workers are killed, one after the other, with the settings that workers have by default. */
export async function runRecovery(options: ExperimentOptions & { readonly kills: number }): Promise<RecoveryOutcome> {
  const { seed, kills, workers, onKept } = options;
  return await onScene(
    { seed, workers, settings: {} },
    async (scene) => {
      const { traffic, workforce, books } = scene;
      const measuring = measureRecovery(books, workforce, kills);
      await traffic.flow(measuring);
      await traffic.settle();
      await workforce.dismiss();
      return { recovery: await measuring, ...(await judge(scene)) };
    },
    onKept,
  );
}
