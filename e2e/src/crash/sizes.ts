/** How large the runs are. */
export const sizes = {
  sequence: 8,
  fanOut: 20,
  nestingDepth: 3,
  /** Payloads that a run of `inbox` takes: 0, 1, 2 … */
  payloads: 6,
  mainBranch: 3,
  joinedBranch: 4,
  /** Longer than the run, so that it floats when the run returns. */
  floatingBranch: 40,
} as const;
