/** What to do about a parked run, by the reason for which it was parked. A run keeps the code that started it. */
const hints = {
  diverged:
    "A run keeps the code that started it, so an edit helps new runs alone: cancel this one and start it again. If the log was altered, restore the store and unpark the run. `perdure runs show <id> --data` has the recorded values.",
  stalled:
    "Five workers in a row were lost at the same place: look for a crash or an out-of-memory there, then unpark the run.",
  runaway:
    "Look for a loop or a recursion that never ends. A run keeps the code that started it: cancel this one and start it again with better code. If the work is only long, raise worker.turnLimitMs and unpark the run.",
  needs_step:
    "The step was renamed, moved or removed, or its module is not imported: start a worker that has it, and the run goes on by itself.",
  shape_changed:
    "The step's parameters changed since the run was started: start a worker that has the old ones, and the run goes on by itself. Give the new ones to a step of another name.",
  bundle_missing:
    "The code that started the run is gone: restore the store from a backup and unpark the run, or cancel it.",
  undecodable:
    "The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.",
  key_missing: "A recorded value is encrypted with a key that is not configured: add the key, then unpark the run.",
  unknown_event: "A newer version of Perdure wrote to this run: upgrade the workers, then unpark it.",
  defect: "Perdure met something that cannot be: report it with the detail above. Nothing of the run is lost.",
  limit: "The run reached a limit of its world: raise the limit and unpark the run, or cancel it.",
} as const;

/** Why a run is parked. An open list: worlds store it as text, and newer versions may add to it. */
export type ParkReason = keyof typeof hints;

/** One or two sentences; a reason that a newer version wrote gets a general one. */
export function parkedHint(reason: string): string {
  return Object.hasOwn(hints, reason)
    ? hints[reason as ParkReason]
    : "A newer version of Perdure parked the run: use its command line.";
}
