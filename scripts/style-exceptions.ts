/**
 * The places where a rule of `check-style.ts` does not hold, each with its reason. The list may only shrink: an
 * exception that is no longer needed is itself a finding.
 */
export interface StyleException {
  readonly rule: string;
  /** Path from the repository's root; a trailing `/` means everything below. */
  readonly file: string;
  readonly reason: string;
}

export const styleExceptions: readonly StyleException[] = [
  {
    rule: "ambient",
    file: "packages/core/src/env.ts",
    reason: "It is the real Env: the one place where the process's own clock, chance and timers come in.",
  },
  {
    rule: "ambient",
    file: "packages/core/src/realm/guest/globals/date.ts",
    reason: "It is the realm's own Date, whose clock is the log.",
  },
  {
    rule: "ambient",
    file: "packages/core/src/realm/guest/globals/intl.ts",
    reason: "In the realm, where it runs, the current date is read from the log.",
  },
  {
    rule: "ambient",
    file: "packages/core/src/realm/rejections.ts",
    reason:
      "It reads Node's own NODE_OPTIONS once, to refuse a mode that a worker cannot run in; no run depends on it.",
  },
];
