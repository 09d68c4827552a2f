import type { LogEvent } from "@perdure/world";
import { afterAll, describe, expect, it } from "vitest";
import { createGuard } from "../realm/guard.ts";
import { Realm } from "../realm/realm.ts";
import { RealmCache } from "../realm/realm-cache.ts";
import { Execution } from "./execution.ts";
import { bundleOf, given, runCreated, runStartAt } from "./history.testing.ts";

const guard = createGuard({ kind: "timeout" });
afterAll(() => guard.close());

const started = {
  type: "run_started",
  correlationId: null,
  at: runStartAt,
  data: {},
  payload: null,
  position: 2,
} as const;

function open(realm: Realm, limitMs: number): Execution {
  const created = runCreated(realm.bundle, []);
  return Execution.open({ runId: "wrun_1", created, realm, memo: null, limitMs });
}

describe("workflow code that never comes to rest", () => {
  it.each([
    ["a loop", "for (;;) {}"],
    ["a chain of microtasks", "for (;;) await null;"],
    ["a regular expression", "/^(a+)+$/.test('a'.repeat(40) + '!')"],
    ["a loop that catches all", "for (;;) { try { for (;;) {} } catch {} finally { continue; } }"],
  ])("%s is stopped, parks the run and retires the realm", (_name, statement) => {
    const bundle = bundleOf(`async () => { await null; ${statement} }`);
    const realm = Realm.create(bundle, { isolation: "shared", guard });
    const execution = open(realm, 60);
    const fault = execution.deliver([started]);
    expect(fault).toMatchObject({ reason: "runaway", position: 2, detail: expect.stringContaining("60 ms") });
    expect(execution.dead).toBe(true);
    expect(execution.deliver([])).toBe(fault);
    expect(execution.planned()).toEqual([]);
  });

  it.each([
    ["signal", true],
    ["limit", undefined],
  ] as const)("is told apart from code that a %s has ended", (lastStop, interrupted) => {
    const stopping = { lastStop, run: () => "stopped" as const };
    const realm = Realm.create(bundleOf("async () => 1"), { isolation: "shared", guard: stopping });
    const fault = open(realm, 60).deliver([started]);
    expect(fault?.reason).toBe("runaway");
    expect(fault?.interrupted).toBe(interrupted);
  });

  it("takes the other executions of the realm with it, which replay in another one", () => {
    const cache = new RealmCache({ guard });
    const bundle = bundleOf(
      `async () => { const mode = await step("mode")(); if (mode === "loop") for (;;) {} return mode; }`,
    );
    const [loops, waits] = [open(cache.get(bundle, "shared"), 60), open(cache.get(bundle, "shared"), 60)];
    for (const execution of [loops, waits]) expect(execution.deliver([started])).toBeNull();
    const waiting = waits.planned();
    const [decision] = loops.planned();
    const fields = { committedAt: 0, epoch: 1, key: null, cause: null };
    const begun = [
      { ...fields, ...started },
      { ...fields, ...decision, position: 3 },
    ] as LogEvent[];
    expect(loops.consume(begun)).toBeNull();
    const result = {
      type: "step_completed",
      correlationId: decision?.correlationId ?? null,
      at: runStartAt,
      position: 4,
    } as const;
    const data = { attempt: 1, delivery: 1 };
    const run = given(`async () => { await step("mode")(); }`).start();
    const { payload } = run.completion("mode#1", "loop");
    expect(loops.deliver([{ ...result, data, payload }])).toMatchObject({ reason: "runaway", position: 4 });
    expect(waits.dead).toBe(true);
    expect(waits.consume(begun)).toBeNull();
    expect(() => waits.deliver([{ ...result, data, payload }])).toThrow(/retired/);
    const again = open(cache.get(bundle, "shared"), 60);
    expect(again.dead).toBe(false);
    expect(again.deliver([started])).toBeNull();
    expect(again.planned()).toEqual(waiting);
  });
});
