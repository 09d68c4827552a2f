/** Where in a value something is, written the way a program would reach it: `[0].deep.cb`, `.get("a")`, `.values()[2]`. */

/** A place inside a Map or a Set, in insertion order. */
export class CollectionStep {
  readonly kind: "element" | "key" | "value";
  readonly index: number;
  /** The key of a Map entry. */
  readonly key: unknown;

  constructor(kind: CollectionStep["kind"], index: number, key: unknown) {
    this.kind = kind;
    this.index = index;
    this.key = key;
  }
}

/** One step from a container to a part of it. */
export type PathStep = string | number | CollectionStep;

// A path that is too long to be read is shown by its two ends.
const maxSteps = 40;
const shownSteps = 15;

/** The steps as one text. */
export function formatPath(steps: readonly PathStep[]): string {
  if (steps.length <= maxSteps) return steps.map(formatStep).join("");
  const start = steps.slice(0, shownSteps).map(formatStep).join("");
  const end = steps.slice(-shownSteps).map(formatStep).join("");
  return `${start} … ${steps.length - 2 * shownSteps} more … ${end}`;
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function formatStep(step: PathStep): string {
  if (typeof step === "number") return `[${step}]`;
  if (typeof step === "string") {
    if (identifier.test(step)) return `.${step}`;
    return arrayIndex.test(step) ? `[${step}]` : `[${JSON.stringify(step)}]`;
  }
  if (step.kind === "key") return `.keys()[${step.index}]`;
  if (step.kind === "element") return `.values()[${step.index}]`;
  const key = formatKey(step.key);
  return key === undefined ? `.values()[${step.index}]` : `.get(${key})`;
}

const arrayIndex = /^(?:0|[1-9][0-9]{0,9})$/;
const maxKeyLength = 64;

function formatKey(key: unknown): string | undefined {
  if (typeof key === "string") return key.length <= maxKeyLength ? JSON.stringify(key) : undefined;
  if (typeof key === "bigint") return undefined;
  return typeof key === "object" || typeof key === "function" ? undefined : String(key);
}
