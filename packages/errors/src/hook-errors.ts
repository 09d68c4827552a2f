import { codeOf, PerdureError } from "./perdure-error.ts";

/** No hook listens on this token: it was never created, was disposed, or its run has ended. */
export class HookNotFoundError extends PerdureError {
  /** The token that was asked for; never part of the message, because it is a secret. */
  declare readonly token: string;

  constructor(token: string) {
    super("HOOK_NOT_FOUND", "No hook listens on this token: it was not created yet, was disposed, or its run ended.", {
      hint: "Resume a hook only after its workflow has created it; resumeHook(token, payload, { wait: '30s' }) waits.",
    });
    Object.defineProperty(this, "token", { value: token });
  }

  static override is(value: unknown): value is HookNotFoundError {
    return codeOf(value) === "HOOK_NOT_FOUND";
  }
}

/** Another run already holds the hook token that this workflow asked for. */
export class HookConflictError extends PerdureError {
  declare readonly token: string;
  readonly conflictingRunId: string | undefined;

  /** `conflict` names the hook, such as `hook #2`, and says whether an older hook of the same run holds the token. */
  constructor(
    token: string,
    conflictingRunId?: string,
    conflict: { readonly hook?: string; readonly isSameRun?: boolean } = {},
  ) {
    const { hook = "the hook", isSameRun = false } = conflict;
    const owner = conflictingRunId === undefined ? "another run" : `run ${conflictingRunId}`;
    super(
      "HOOK_CONFLICT",
      isSameRun
        ? `The token of ${hook} is already held by an older hook of this run.`
        : `The token of ${hook} is already held by ${owner}.`,
      {
        hint: isSameRun
          ? "Dispose of the older hook first, await it again, or give each hook a token of its own."
          : "Put into the token what the run is about, such as the id of an order, or ask `hook.getConflict()` which run holds it.",
      },
    );
    Object.defineProperty(this, "token", { value: token });
    this.conflictingRunId = conflictingRunId;
  }

  static override is(value: unknown): value is HookConflictError {
    return codeOf(value) === "HOOK_CONFLICT";
  }
}
