import type { LogEvent } from "@perdure/world";
import { describe, expect, it } from "vitest";
import type { HeldBundle } from "../realm/bundle.ts";
import { Execution } from "./execution.ts";
import { bundleOf, given, History, holdBundle, realmFor } from "./history.testing.ts";
import { mapStack, sourceOfStack } from "./source-position.ts";

/** The bundle with a source map that says: every line comes from the line of the same number in `src/order.ts`. */
function mapped(bundle: HeldBundle, source = "src/order.ts"): HeldBundle {
  const lines = bundle.code.split("\n").map((_line, index) => (index === 0 ? "AAAA" : "AACA"));
  const map = { version: 3, sources: [source], names: [], mappings: lines.join(";") };
  return holdBundle({ ...bundle, map: JSON.stringify(map) });
}

const program = `async () => {
  await step("a")();

  await step("changed")(5);
}`;

describe("a divergence", () => {
  const run = given(`async () => { await step("a")(); await step("b")(); }`).start().completes("a#1", 0);
  const replayed = (trace: boolean) => {
    const bundle = mapped(bundleOf(program));
    const created = run.log[0] as LogEvent<"run_created">;
    const execution = Execution.open({
      runId: created.data.rootRunId,
      created,
      realm: realmFor(bundle),
      memo: null,
      trace,
    });
    return execution.consume(run.log.slice(1));
  };

  it("names the line of the call in the user's file when the execution is traced", () => {
    const line =
      bundleOf(program)
        .code.split("\n")
        .findIndex((text) => text.includes("changed")) + 1;
    const fault = replayed(true);
    expect(fault).toMatchObject({ reason: "diverged", position: 5, found: { label: "changed #1" } });
    expect(fault?.source).toBe(`src/order.ts:${line}:1`);
    expect(fault?.detail).toContain(`found:    changed #1, asked for at src/order.ts:${line}:1`);
  });

  it("says the same without the line when it is not", () => {
    expect(replayed(false)).toMatchObject({ reason: "diverged", position: 5, source: null });
  });
});

describe("the recorded error of a failed run", () => {
  it("has the user's file and line in its stack, and a cause's too", () => {
    const bundle = mapped(
      bundleOf(`async () => {
      throw new Error("outer", { cause: new TypeError("inner") });
    }`),
    );
    const { error } = new History(bundle, {}).start().failure();
    const line = bundle.code.split("\n").findIndex((text) => text.includes("outer")) + 1;
    expect((error as Error).stack).toContain(`src/order.ts:${line}:1`);
    expect(((error as Error).cause as Error).stack).toContain(`src/order.ts:${line}:1`);
    expect((error as Error).stack).not.toContain(bundle.id);
  });
});

describe("a source file with quotes and backslashes in its name", () => {
  it("leaves the recorded error readable", () => {
    const bundle = mapped(bundleOf(`async () => { throw new Error("x"); }`), 'src/"odd"\\name.ts');
    const { error } = new History(bundle, {}).start().failure();
    expect((error as Error).stack).toMatch(/src\/"odd"\\?.?name\.ts:\d+:1/);
  });
});

describe("mapStack", () => {
  const bundle = mapped(bundleOf("async () => 1"));

  it("replaces the places of this bundle only", () => {
    const stack = `Error: x\n    at f (${bundle.id}.js:2:9)\n    at g (bndl_OTHER.js:2:9)\n    at h (/app/host.js:2:9)`;
    expect(mapStack(stack, bundle)).toBe(
      "Error: x\n    at f (src/order.ts:2:1)\n    at g (bndl_OTHER.js:2:9)\n    at h (/app/host.js:2:9)",
    );
    expect(sourceOfStack(stack, bundle)).toBe("src/order.ts:2:1");
  });

  it("leaves text as it is without a map", () => {
    const plain = bundleOf("async () => 1");
    const stack = `at f (${plain.id}.js:2:9)`;
    expect(mapStack(stack, plain)).toBe(stack);
    expect(sourceOfStack(stack, plain)).toBeNull();
  });
});

describe("what workflow code sees of a stack", () => {
  it("is its own frames, the same when another depth of the host calls", () => {
    const source = `async () => { const first = new Error("one").stack; await step("a")(); return [first, new Error("two").stack]; }`;
    const deep = (depth: number): string[] => {
      if (depth > 0) return deep(depth - 1);
      return given(source).start().completes("a#1", 0).result() as string[];
    };
    const shallow = deep(0);
    expect(deep(40)).toEqual(shallow);
    for (const stack of shallow) expect(stack).not.toMatch(/node:|file:|\/packages\/|perdure:guest/);
    expect(shallow[0]).toMatch(/^Error: one\n {4}at .*bndl_\w+\.js:\d+:\d+/);
  });
});
