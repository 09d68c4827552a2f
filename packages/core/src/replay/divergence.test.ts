import type { LogEvent } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { Execution } from "./execution.ts";
import { bundleOf, given, type History, payloadOf, realmFor } from "./history.testing.ts";

/** Replays the log of one program with the code of another. */
function replayWith(run: History, workflow: string) {
  const bundle = bundleOf(workflow);
  const created = run.log[0] as LogEvent<"run_created">;
  const { rootRunId: runId } = created.data;
  const execution = Execution.open({ runId, created, realm: realmFor(bundle), memo: null });
  return { fault: execution.consume(run.log.slice(1)), execution };
}

const recorded = () =>
  given(`async () => { const a = await step("a")(1, { big: true }); await sleep("5s"); await step("b")(a); return a; }`)
    .start()
    .completes("a#1", 7)
    .wakes("sleep#1");

describe("a log that the code does not follow parks the run", () => {
  it.each([
    [
      "another step",
      `async () => { await step("c")(1, { big: true }); }`,
      3,
      "a #1",
      "c #1",
      /it is another operation\.\n {2}expected: a #1, at position 3 of the log\n {2}found: {4}c #1\n/,
    ],
    [
      "other arguments",
      `async () => { await step("a")(2, { big: true }); }`,
      3,
      "a #1",
      "a #1",
      /same step with other arguments\.\n.* with the digest 1:.*\n.* with the digest 1:/,
    ],
    [
      "a step where a sleep was",
      `async () => { await step("a")(1, { big: true }); await step("x")(); }`,
      5,
      "sleep #1",
      "x #1",
      /another operation/,
    ],
    [
      "another length of sleep",
      `async () => { await step("a")(1, { big: true }); await sleep("6s"); }`,
      5,
      "sleep #1",
      "sleep #1",
      /same sleep with another length/,
    ],
    [
      "a moment where a duration was",
      `async () => { await step("a")(1, { big: true }); await sleep(new Date(5)); }`,
      5,
      "sleep #1",
      "sleep #1",
      /another length/,
    ],
    [
      "the end where a sleep was",
      `async () => { await step("a")(1, { big: true }); }`,
      5,
      "sleep #1",
      "the run's result",
      /another operation/,
    ],
    [
      "nothing more",
      `async () => { await step("a")(1, { big: true }); await new Promise((r) => createHook().then(r)); }`,
      5,
      "sleep #1",
      "hook #1",
      /another operation/,
    ],
    [
      "one more before",
      `async () => { void step("early")(); await step("a")(1, { big: true }); }`,
      3,
      "a #1",
      "early #1",
      /another operation/,
    ],
    ["a failure", `async () => { throw new Error("changed"); }`, 3, "a #1", "the run's failure", /another operation/],
  ])("%s", (_name, workflow, position, expected, found, sentence) => {
    const { fault, execution } = replayWith(recorded(), workflow);
    expect(fault).toMatchObject({
      reason: "diverged",
      position,
      expected: { label: expected },
      found: { label: found },
    });
    expect(fault?.detail).toMatch(sentence);
    expect(fault?.detail).toContain("\n  cause:    Likely ");
    expect(execution.consume([])).toBe(fault);
    expect(execution.deliver([])).toBe(fault);
  });

  it("when the code asks for nothing more", () => {
    const run = given(`async () => { await Promise.all([step("a")(), step("b")()]); }`).start();
    const { fault } = replayWith(run, `async () => { await step("a")(); }`);
    expect(fault).toMatchObject({ reason: "diverged", position: 4, expected: { label: "b #1" }, found: null });
    expect(fault?.detail).toContain("asked for nothing more");
  });

  it("when the same decision follows from another fact", () => {
    const run = given(`async () => { await step("a")(); await step("b")(); }`).start().completes("a#1", 0);
    const { fault } = replayWith(
      run,
      `async () => { const a = step("a")(); const b = step("b")(); await a; await b; }`,
    );
    expect(fault).toMatchObject({ reason: "diverged", position: 5 });
    expect(fault?.detail).toContain("followed from position 4, and now it follows from position 2");
  });

  it("when a hook has another token, or the run another result", () => {
    const hook = given(`async () => { await createHook({ token: "one" }); }`).start();
    expect(replayWith(hook, `async () => { await createHook({ token: "two" }); }`).fault?.detail).toContain(
      "another token",
    );
    const ended = given("async () => ({ a: 1 })").start();
    expect(replayWith(ended, "async () => ({ a: 2 })").fault?.detail).toContain("another result");
    expect(replayWith(ended, "async () => ({ a: 1 })").fault).toBeNull();
    const failed = given("async () => { throw new Error('x'); }").start();
    expect(replayWith(failed, "async () => () => 1").fault?.detail).toContain("fails in another way");
  });

  it("and not when it goes on where the log ends", () => {
    const { fault, execution } = replayWith(
      recorded(),
      `async () => {
      const a = await step("a")(1, { big: true }); await sleep("5s"); await step("b")(a); return "changed later";
    }`,
    );
    expect(fault).toBeNull();
    expect(execution.planned()).toEqual([]);
  });
});

describe("a log that cannot be read parks the run", () => {
  const run = () =>
    given(`async () => { await step("a")(); await step("b")(); }`)
      .start()
      .completes("a#1", { deep: [1] });

  const replaced = (history: History, position: number, change: Partial<Record<keyof LogEvent, unknown>>) => {
    const log = history.log.map((event) =>
      event.position === position ? ({ ...event, ...change } as LogEvent) : event,
    );
    return history.openExecution(realmFor(history.bundle)).consume(log.slice(1));
  };

  it.each([
    ["bytes of no format", new Uint8Array([1, 2, 3])],
    ["bytes that end early", payloadOf({ deep: [1] }).slice(0, -3)],
    [
      "text that decodes to nothing",
      new Uint8Array(
        Buffer.from(
          Buffer.from(payloadOf({ deep: [1] }))
            .toString("latin1")
            .replace("deep", 'de"p'),
          "latin1",
        ),
      ),
    ],
  ])("%s", (_name, payload) => {
    expect(replaced(run(), 4, { payload })).toMatchObject({ reason: "undecodable", position: 4 });
  });

  it("an event of a type that this version does not know", () => {
    expect(replaced(run(), 4, { type: "attr_set" })).toMatchObject({
      reason: "unknown_event",
      position: 4,
      detail: expect.stringContaining("attr_set"),
    });
  });

  it("reports the first fault in log order, whatever kind it is", () => {
    const history = run();
    const other = bundleOf(`async () => { await step("z")(); }`);
    const created = history.log[0] as LogEvent<"run_created">;
    const execution = Execution.open({ runId: created.data.rootRunId, created, realm: realmFor(other), memo: null });
    const log = history.log.map((event) => (event.position === 4 ? { ...event, payload: new Uint8Array([1]) } : event));
    expect(execution.consume(log.slice(1))).toMatchObject({ reason: "diverged", position: 3 });
  });
});

describe("the speculation of the driver", () => {
  it("has to be what the log then holds", () => {
    const run = given(`async () => { await step("a")(); }`).start();
    const fact = run.completion("a#1", 0);
    const position = run.log.length + 1;
    expect(run.execution.deliver([{ ...fact, at: 5, position } as never])).toBeNull();
    const base = { committedAt: 0, epoch: 1, key: null, cause: null };
    expect(() => run.execution.consume([{ ...base, ...fact, at: 6, position } as LogEvent])).toThrow(
      /delivered in its place/,
    );
  });

  it("stands at the next positions", () => {
    const run = given(`async () => { await step("a")(); }`).start();
    expect(() => run.execution.deliver([{ ...run.completion("a#1", 0), at: 5, position: 99 } as never])).toThrow(
      /position 99/,
    );
  });
});
