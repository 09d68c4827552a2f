/** What a checker found. */
export interface Violation {
  /** The invariant by its number, as `docs/reliability.md` lists them. */
  readonly invariant: string;
  readonly message: string;
  readonly runId: string | null;
  /** True time, in milliseconds since the beginning of the schedule. */
  readonly afterMs: number;
}

/** Takes note of violations; a schedule with one of them is red. */
export type Report = (invariant: string, runId: string | null, message: string) => void;
