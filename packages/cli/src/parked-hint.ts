/** What to do about a parked run, by reason. */
import type { ParkReason } from "@perdure/world";

const hints: Readonly<Record<ParkReason, string>> = {
  diverged:
    "The workflow asked for something else than the log recorded: remove what is not deterministic, or cancel the run.",
  stalled: "Five workers in a row were lost at the same place: look for a crash or an out-of-memory there.",
  runaway: "The workflow code did not yield: look for an endless loop, or move the long work into a step.",
  needs_step: "No worker has this step: start one that imports it, or restore the step.",
  shape_changed: "The step's parameters changed since the run was started: restore the old ones, or cancel the run.",
  bundle_missing: "The code that started the run is not in the store: restore it from a backup, or cancel the run.",
  undecodable: "A recorded value cannot be read: look for damage in the store, or a newer version that wrote it.",
  key_missing: "A recorded value is encrypted with a key that is not configured: add the key.",
  unknown_event: "A newer version of Perdure wrote to this run: upgrade the workers.",
  defect: "Perdure met something that cannot be: report it with the detail above; nothing of the run is lost.",
  limit: "The run reached a limit of its world: raise the limit, or cancel the run.",
};

/** One sentence; reasons that a newer version wrote get a general one. */
export function parkedHint(reason: string): string {
  return Object.hasOwn(hints, reason)
    ? hints[reason as ParkReason]
    : "A newer version of Perdure parked the run: use its command line.";
}
