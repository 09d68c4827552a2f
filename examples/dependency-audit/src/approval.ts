/** What the workflow and whoever answers it agree on. */

/** Names the hook for the outside world. An application would use a secret of its own for each run. */
export const approvalToken = "dependency-audit-approval";

/** The answer of a person. */
export interface Approval {
  readonly approved: boolean;
  readonly by: string;
}
