/** Tests of the realm: runs the body of a workflow in both isolations and gives what it returns. */
import { deepStrictEqual } from "node:assert/strict";
import { given, type RunOptions } from "../replay/history.testing.ts";

/** What a workflow with this body returns; it must be the same in a hardened realm and in one that is not. */
export function evaluate(body: string, options: RunOptions & { readonly moduleCode?: string } = {}): unknown {
  const [shared, own] = (["shared", "run"] as const).map((isolation) => {
    const run = given(`async () => { ${body} }`, { ...options, isolation }).start();
    deepStrictEqual(run.fault, null);
    return run.result();
  });
  deepStrictEqual(own, shared);
  return shared;
}

/** The error with which a workflow with this body fails. */
export function failureOf(body: string): { readonly code: string; readonly error: unknown } {
  return given(`async () => { ${body} }`).start().failure();
}
