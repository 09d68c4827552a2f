import { SerializationError } from "@perdure/errors";
import { describeFound } from "./describe.ts";
import type { CodecLimits } from "./limits.ts";
import type { PartTrials } from "./part-trials.ts";
import { kindOf } from "./tag.ts";
import { BufferRanges, type PrivateBytes } from "./types/binary-values.ts";
import { RegExpBudget } from "./types/text-values.ts";
import { CollectionStep, formatPath, type PathStep } from "./value-path.ts";

/** What an encoding was asked for. */
export interface EncodePlan {
  readonly what: string;
  readonly limits: CodecLimits;
  readonly stacks: boolean;
  /** Set when parts of errors that cannot be stored are omitted. */
  readonly trials: PartTrials | undefined;
}

/**
 * Where an encoding is. devalue walks the value; it tells us of each step through the operations in `encode.ts`, and the
 * walk keeps the containers that are open, so that a refusal can name its path and nesting stays bounded.
 *
 * W1. `open` holds the containers from the root to where devalue is, `steps[i]` the step taken in `open[i]`.
 * W2. Every value that devalue visits was announced by the operation before it, except the value of a Map entry, which
 *     follows its key without one: an unannounced visit belongs to the innermost entry whose key is done.
 */
export class EncodeWalk {
  readonly plan: EncodePlan;
  hasStack = false;
  /** Set when the first buffer is met. */
  buffers: BufferRanges | undefined;
  /** True while the next buffer is visited because of a view on it. */
  fromView = false;
  /** The bytes of the Node Buffer that was visited last. */
  privateBytes: PrivateBytes | undefined;

  readonly #open: object[] = [];
  readonly #steps: (PathStep | undefined)[] = [];
  readonly #entries: { readonly map: object; readonly step: CollectionStep }[] = [];
  readonly #hidden = new Set<object>();
  #regExps: RegExpBudget;
  #announced = true;
  #nodeCount = 0;
  #textLength = 0;
  #lastObject: object | undefined;
  #lastKind: string | undefined;

  constructor(plan: EncodePlan) {
    this.plan = plan;
    this.#regExps = new RegExpBudget(plan.limits);
  }

  /** Starts a round from the root. */
  begin(): void {
    this.#open.length = 0;
    this.#steps.length = 0;
    this.#entries.length = 0;
    this.#announced = true;
    this.#nodeCount = 0;
    this.#textLength = 0;
    this.#regExps = new RegExpBudget(this.plan.limits);
    this.buffers?.begin();
  }

  /** The ranges of the buffers met so far. */
  ranges(): BufferRanges {
    this.buffers ??= new BufferRanges();
    return this.buffers;
  }

  /** Refuses the value where the walk is, or a property of it. */
  refuse(found: string, cause?: unknown, property?: string): never {
    const options = cause === undefined ? {} : { cause };
    throw new SerializationError(this.plan.what, found, this.#path(property), options);
  }

  #path(property: string | undefined): string {
    const steps: PathStep[] = [];
    for (const [index, step] of this.#steps.entries()) {
      const target = this.#open[index];
      if (step === undefined || (target !== undefined && this.#hidden.has(target) && step === "own")) continue;
      steps.push(step);
    }
    if (property !== undefined) steps.push(property);
    return formatPath(steps);
  }

  /** The next value visited is this part of an open container. */
  announce(container: object, step: PathStep): void {
    this.#closeDownTo(container);
    this.#steps[this.#open.length - 1] = step;
    this.#announced = true;
  }

  /** The next value visited stands for the current one: a record, the content of a box, the bytes of a view. */
  announceStandIn(): void {
    this.#announced = true;
  }

  /** The next value visited is the key of a Map entry, and the entry's value follows. */
  announceEntry(map: object, index: number, key: unknown): void {
    this.announce(map, new CollectionStep("key", index, key));
    this.#entries.push({ map, step: new CollectionStep("value", index, key) });
  }

  /** Counts a visited value. */
  visit(): void {
    if (!this.#announced) {
      const entry = this.#entries.pop();
      if (entry !== undefined) this.announce(entry.map, entry.step);
    }
    this.#announced = false;
    this.#nodeCount++;
    if (this.#nodeCount > this.plan.limits.nodes) this.refuse(`a value of more than ${this.plan.limits.nodes} parts`);
  }

  /** Counts a string that is written, before there is a text of it. */
  writeString(length: number): void {
    this.#textLength += length;
    const limit = this.plan.limits.textLength;
    if (this.#textLength > limit) throw this.tooLarge(`more than ${limit} characters of text`);
  }

  /** The refusal of the whole value for its size. */
  tooLarge(found: string): SerializationError {
    return new SerializationError(this.plan.what, found, "", {
      hint: "Store large data elsewhere (a file, an object store, a table) and pass its name.",
    });
  }

  /** Counts a regular expression. */
  writeRegExp(source: string, flags: string): void {
    const excess = this.#regExps.take(source, flags);
    if (excess !== undefined) this.refuse(excess);
  }

  /** Opens a container: what is announced next is a part of it. */
  openContainer(container: object): void {
    if (this.#open.length >= this.plan.limits.depth) {
      this.refuse(`a value nested deeper than ${this.plan.limits.depth} levels`);
    }
    this.#open.push(container);
    this.#steps.push(undefined);
  }

  /** The properties `own` of this record are shown in paths as properties of the error itself. */
  hide(record: object): void {
    this.#hidden.add(record);
  }

  /** The kind of an object; asked twice in a row for each, computed once. */
  kindOf(value: object): string {
    if (value !== this.#lastObject) {
      this.#lastKind = kindOf(value);
      this.#lastObject = value;
    }
    return this.#lastKind ?? this.refuse(describeFound(value));
  }

  // A container that is done stays open until something of a container around it is announced.
  #closeDownTo(container: object): void {
    let top = this.#open.length - 1;
    while (top > 0 && this.#open[top] !== container) top--;
    if (top + 1 === this.#open.length) return;
    this.#open.length = top + 1;
    this.#steps.length = top + 1;
  }
}
