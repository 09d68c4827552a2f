/** A network on which exactly what a script says goes wrong: at the n-th time that somebody passes a probe. */
import type { Fault, Probe } from "../../faults/catalogue.ts";
import type { Participant } from "../../process/participant.ts";
import { Network, type NetworkParts } from "../../store/network.ts";

/** What strikes a call on its way, or something else that happens at this very moment. */
type Incident = CallFault | ((who: Participant) => void);

type CallFault = Extract<Fault, "refused" | "lost request" | "lost answer" | "delay" | "old prefix">;

export interface Cue {
  readonly probe: Probe;
  /** Whose; default: anybody's. */
  readonly by?: string;
  /** The how many-th time; default: the first. `every`: each time. */
  readonly nth?: number | "every";
  readonly incident: Incident;
}

/** One way of a call takes this long, and this long when the script delays it. */
const wayMs = 1;
const delayedMs = 400;

export class ScriptedNetwork extends Network {
  readonly #cues: { readonly cue: Cue; passed: number }[] = [];
  readonly #scripted: NetworkParts;
  /** How often each probe was passed, by anybody. */
  readonly passed = new Map<Probe, number>();

  constructor(parts: NetworkParts) {
    super(parts);
    this.#scripted = parts;
  }

  when(cue: Cue): void {
    this.#cues.push({ cue, passed: 0 });
  }

  override pass(probe: Probe, who: Participant): ReadonlySet<Fault> {
    this.passed.set(probe, (this.passed.get(probe) ?? 0) + 1);
    const strikes = new Set<Fault>();
    for (const entry of this.#cues) {
      const { cue } = entry;
      if (cue.probe !== probe || (cue.by !== undefined && cue.by !== who.name)) continue;
      entry.passed += 1;
      if (cue.nth !== "every" && entry.passed !== (cue.nth ?? 1)) continue;
      const { trace, scheduler } = this.#scripted;
      const what = typeof cue.incident === "string" ? cue.incident : "the script acts";
      trace.add(scheduler.now, who.name, `! ${what} at ${probe}`);
      if (typeof cue.incident === "string") strikes.add(cue.incident);
      else cue.incident(who);
    }
    return strikes;
  }

  override latencyMs(delayed: boolean): number {
    return delayed ? delayedMs : wayMs;
  }
}
