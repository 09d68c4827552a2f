/**
 * Seventeen classes of defects that engines of durable functions have met in production. Each is shown by scenarios here as
 * far as what it is about exists in Perdure; what does not exist yet is named with the reason.
 */
export interface FieldClass {
  readonly what: string;
  /** The part that no scenario can show yet, and why; null: all of it is shown. */
  readonly notYet: string | null;
}

export const fieldClasses = {
  "hydration order": {
    what: "How long a payload takes to be decoded decides which branch goes on first, and a replay decides otherwise.",
    notYet: null,
  },
  "ordinals by prefix": {
    what: "Replays that hold different prefixes of the log give one id to two calls.",
    notYet: null,
  },
  "silent swap": {
    what: "A replay is compared by names alone, and takes the result of another branch.",
    notYet: null,
  },
  "clock on read": {
    what: "The clock of workflow code moves when an event is read, and not when it is delivered.",
    notYet: null,
  },
  "hook against sleep": {
    what: "A race between a hook and a sleep has another winner in a replay, or a hook that is waited for again loses payloads.",
    notYet: null,
  },
  "resume after disposal": {
    what: "A payload is accepted for a hook that was disposed of, or twice, or taken for another.",
    notYet: null,
  },
  "resume at the end": {
    what: "A payload is acknowledged, and the run ends without it.",
    notYet: null,
  },
  "step started twice": {
    what: "A wake-up that is not about a step starts its body a second time; a busy worker loses its step.",
    notYet: null,
  },
  "lost wake-up": {
    what: "A crash between two writes leaves a run that nothing wakes.",
    notYet: null,
  },
  budgets: {
    what: "Deliveries are counted as failures, so that healthy deploys fail a run; or nothing is counted, and it goes round for ever.",
    notYet: null,
  },
  "transient failure": {
    what: "An error of the store, or of a key, is taken for one of the user's, and fails the run.",
    notYet:
      "A key that is missing or was replaced (E3): payloads are not encrypted yet. A bundle that cannot be had is shown.",
  },
  "partial data": {
    what: "A reader sees a file that is half written, or less of the log than there is, and goes on with it.",
    notYet: "Files of a format of our own: there are none, and no scenario here is about a world on disk.",
  },
  streams: {
    what: "Chunks are reordered, doubled or lost, and readers wait for ever (M1 to M6).",
    notYet: "There are no streams. A sender that repeats itself after a lost answer is shown with hooks (H2).",
  },
  "late abort": {
    what: "A step starts with an abort signal that does not know yet of the abort before it (X3).",
    notYet: "Workflow code has no abort signals. The signal of a body whose run was cancelled is shown.",
  },
  "sandbox leaks": {
    what: "Something in the realm tells the real time, waits by itself or shows when memory is reclaimed.",
    notYet: null,
  },
  "wrong deployment": {
    what: "A deploy executes a run that another one started, or a step with settings of another one.",
    notYet: "Moving a run to another deployment on purpose: runs stay with their bundle for ever.",
  },
  "open routes": {
    what: "Anybody can call the engine's own routes; a token stands in an address, or can be derived (Z1 to Z4).",
    notYet: "There are no routes over HTTP, neither for drivers nor for webhooks. Tokens of hooks are shown.",
  },
} as const satisfies Record<string, FieldClass>;

/** A class from the field, or what random schedules of this simulator have found. */
export type ScenarioClass = keyof typeof fieldClasses | "found by the simulator";
