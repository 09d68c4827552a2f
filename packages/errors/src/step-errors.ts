import { nearestName } from "./nearest-name.ts";
import { codeOf, PerdureError, type PerdureErrorOptions } from "./perdure-error.ts";

/**
 * Throw it in a step to say that retrying is useless: the step fails at once and the error reaches the workflow, where
 * it can be caught. The engine also wraps in it the last error of a step whose retries are used up.
 */
export class FatalError extends PerdureError {
  readonly fatal = true;

  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("FATAL", message, options);
  }

  static override is(value: unknown): value is FatalError {
    return codeOf(value) === "FATAL";
  }
}

/** Options of {@link RetryableError}. */
export interface RetryableErrorOptions extends PerdureErrorOptions {
  /**
   * When to try again: milliseconds from now, a duration such as `"30s"`, or a moment. Default: one second from now.
   */
  readonly retryAfter?: number | string | Date;
}

/** Throw it in a step to choose when the next attempt starts; it uses the same budget as any other failure. */
export class RetryableError extends PerdureError {
  /** As given to the constructor; the executor resolves it against its own clock. */
  readonly retryAfter: number | string | Date;

  constructor(message: string, options: RetryableErrorOptions = {}) {
    super("RETRYABLE", message, options);
    this.retryAfter = options.retryAfter ?? 1000;
  }

  static override is(value: unknown): value is RetryableError {
    return codeOf(value) === "RETRYABLE";
  }
}

/** The worker that ran a step was lost again and again, so the engine gave up starting it. */
export class StepLostError extends PerdureError {
  readonly deliveries: number;

  constructor(step: string, deliveries: number) {
    super("STEP_LOST", `Step ${step} was started ${deliveries} times and every worker that ran it was lost.`, {
      where: { step },
      hint: "Look for a step body that ends the process: out of memory, process.exit, a native crash.",
    });
    this.deliveries = deliveries;
  }

  static override is(value: unknown): value is StepLostError {
    return codeOf(value) === "STEP_LOST";
  }
}

/** A step that the workflow called is not registered in this process. */
export class StepNotRegisteredError extends PerdureError {
  readonly stepId: string;

  constructor(stepId: string, known: readonly string[]) {
    const list = known.length === 0 ? "none" : known.slice(0, 10).join(", ");
    const nearest = nearestName(stepId, known);
    super("STEP_NOT_REGISTERED", `Step ${stepId} is not registered in this process. Registered: ${list}.`, {
      hint: `${nearest === null ? "" : `Did you mean ${nearest}? `}Import the module that defines the step, or restore it if a deploy removed or renamed it.`,
    });
    this.stepId = stepId;
  }

  static override is(value: unknown): value is StepNotRegisteredError {
    return codeOf(value) === "STEP_NOT_REGISTERED";
  }
}
