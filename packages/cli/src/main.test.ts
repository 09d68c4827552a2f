import { StoreError } from "@perdure/errors";
import { beforeEach, describe, expect, test } from "vitest";
import { ids, type RecordedWorld, recordedWorld } from "../test/recorded-runs.ts";
import { main } from "./main.ts";

let recorded: RecordedWorld;

beforeEach(async () => {
  recorded = await recordedWorld();
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  argv: readonly string[],
  options: { env?: Record<string, string>; isTTY?: boolean } = {},
): Promise<Outcome> {
  let out = "";
  let err = "";
  const isTTY = options.isTTY === true;
  const code = await main(argv, {
    loadWorld: () => Promise.resolve(recorded.world),
    loadOperations: () => Promise.resolve(null),
    develop: () => Promise.reject(new Error("unexpected")),
    stdout: { isTTY, write: (text) => (out += text) },
    stderr: { isTTY, write: (text) => (err += text) },
    env: options.env ?? {},
  });
  return { code, out, err };
}

describe("runs list", () => {
  test("shows runs as an aligned table, newest first, and closes the world", async () => {
    expect(await run(["runs", "list"])).toEqual({
      code: 0,
      err: "",
      out: `RUN                              WORKFLOW  STATUS                     CREATED                   EVENTS  KEY
${ids.pending}  checkout  pending                    2026-01-02T04:04:07.520Z       1
${ids.parked}  checkout  pending, parked: diverged  2026-01-02T04:04:06.520Z       1
${ids.completed}  checkout  completed                  2026-01-02T03:04:05.000Z       8  order-42
`,
    });
    expect(recorded.closedCount()).toBe(1);
  });

  test.each([
    [["--status", "completed"], [ids.completed]],
    [["--parked"], [ids.parked]],
    [["--limit", "1"], [ids.pending]],
    [
      ["--workflow", "checkout", "--limit=2"],
      [ids.pending, ids.parked],
    ],
    [
      ["--workflow", "workflow//./src/orders//checkout"],
      [ids.pending, ids.parked, ids.completed],
    ],
    [["--workflow", "refund"], []],
  ])("%j selects", async (options, expected) => {
    const { code, out } = await run(["runs", "list", "--json", ...options]);
    expect(code).toBe(0);
    const lines = out.split("\n").filter((line) => line !== "");
    expect(lines.map((line) => JSON.parse(line).runId)).toEqual(expected);
  });

  test("says where it looked when nothing matches", async () => {
    const { out } = await run(["runs", "list", "--status", "failed"]);
    expect(out).toBe("No runs match in memory of this process.\n");
  });

  test("prints one documented JSON object per line", async () => {
    const { out } = await run(["runs", "list", "--json", "--parked"]);
    expect(JSON.parse(out)).toEqual({
      runId: ids.parked,
      key: null,
      workflow: "checkout",
      workflowId: "workflow//./src/orders//checkout",
      status: "pending",
      parked: {
        reason: "diverged",
        detail: "expected charge #1\nfound \u001b[31mrefund #1",
        position: 3,
        since: "2026-01-02T04:04:06.520Z",
        hint: expect.stringContaining("cancel this one"),
      },
      events: 1,
      createdAt: "2026-01-02T04:04:06.520Z",
      startedAt: null,
      endedAt: null,
    });
  });
});

describe("runs show", () => {
  test("shows the record and the events, without any payload", async () => {
    const { code, out } = await run(["runs", "show", ids.completed]);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "run       wrun_01JD4T0000000000000000000A
      workflow  checkout (workflow//./src/orders//checkout)
      status    completed
      key       order-42
      created   2026-01-02T03:04:05.000Z
      started   2026-01-02T03:04:05.000Z
      ended     2026-01-02T04:04:06.520Z

      #  TYPE            WHAT                                               AT                        DELTA
      1  run_created     checkout                                           2026-01-02T03:04:05.000Z   +0ms
      2  run_started                                                        2026-01-02T03:04:05.000Z   +0ms
      3  step_created    charge #2                                          2026-01-02T03:04:05.000Z   +0ms
      4  step_retrying   charge #2 (attempt 2 at 2026-01-02T03:04:06.020Z)  2026-01-02T03:04:05.020Z  +20ms
      5  step_completed  charge #2 (attempt 2)                              2026-01-02T03:04:06.520Z  +1.5s
      6  wait_created    sleep #1                                           2026-01-02T03:04:06.520Z   +0ms
      7  wait_completed  sleep #1                                           2026-01-02T04:04:06.520Z  +1.0h
      8  run_completed                                                      2026-01-02T04:04:06.520Z   +0ms
      "
    `);
    expect(out).not.toContain("4111");
  });

  test("decodes payloads when asked to", async () => {
    const { out } = await run(["runs", "show", ids.completed, "--data"]);
    expect(out).toContain("3 step_created charge #2  [ { card: '4111' } ]");
    expect(out).toContain("8 run_completed  'done'");
  });

  test("tells why a run is parked and what to do, and cannot be made to recolour the terminal", async () => {
    const { out } = await run(["runs", "show", ids.parked]);
    expect(out).toContain(`parked since 2026-01-02T04:04:06.520Z at position 3: diverged
  expected charge #1
  found \\u001b[31mrefund #1
  hint:  A run keeps the code that started it`);
    expect(out).not.toContain("\u001b");
  });

  test("prints one JSON document, with values only when asked to", async () => {
    const plain = JSON.parse((await run(["runs", "show", ids.completed, "--json"])).out);
    expect(Object.keys(plain)).toEqual(["run", "events"]);
    expect(plain.run).toMatchObject({ runId: ids.completed, namespace: "default", bundleId: "bndl_1", wakeAt: null });
    expect(plain.events[2]).toEqual({
      position: 3,
      id: "evnt_00000000000000000000000003",
      type: "step_created",
      correlationId: "step_01JD4T00000000000000000001",
      what: "charge #2",
      at: "2026-01-02T03:04:05.000Z",
      committedAt: "2026-01-02T03:04:05.000Z",
      data: expect.objectContaining({ name: "charge", ordinal: 2, shape: "(order)" }),
    });
    const full = JSON.parse((await run(["runs", "show", ids.completed, "--json", "--data"])).out);
    expect(full.events.map(({ value }: { value: unknown }) => value)).toEqual([
      "[ { order: 42 } ]",
      null,
      "[ { card: '4111' } ]",
      "'boom'",
      "{ paid: 99 }",
      null,
      null,
      "'done'",
    ]);
  });
});

describe("runs cancel and unpark", () => {
  test("cancels a live run with its reason, once", async () => {
    expect(await run(["runs", "cancel", ids.pending, "--reason", "wrong order"])).toEqual({
      code: 0,
      out: `Cancelled ${ids.pending}.\n`,
      err: "",
    });
    expect((await recorded.world.runs.get(ids.pending))?.status).toBe("cancelled");
    const [last] = await recorded.world.log.read(ids.pending, { after: 1, limit: 1 });
    expect(last?.data).toEqual({ reason: "wrong order" });
    const again = await run(["runs", "cancel", ids.pending]);
    expect(again.code).toBe(1);
    expect(again.err).toBe(
      `error: The run has already ended: it is cancelled. Nothing was changed.\n  where: run ${ids.pending}\n`,
    );
  });

  test("unparks a parked run, once", async () => {
    expect((await run(["runs", "unpark", ids.parked])).code).toBe(0);
    expect((await recorded.world.runs.get(ids.parked))?.parked).toBeNull();
    const again = await run(["runs", "unpark", ids.parked]);
    expect(again).toEqual({
      code: 1,
      out: "",
      err: `error: The run is not parked: it is pending. Nothing was changed.\n  where: run ${ids.parked}\n`,
    });
  });

  test.each(["show", "cancel", "unpark"])("%s of a run that is not there fails by name", async (action) => {
    const { code, err } = await run(["runs", action, ids.unknown]);
    expect(code).toBe(1);
    expect(err).toContain(`There is no run ${ids.unknown}.`);
    expect(err).toContain("hint:");
  });
});

describe("output", () => {
  test.each([
    [{ isTTY: true }, true],
    [{ isTTY: true, env: { NO_COLOR: "1" } }, false],
    [{ isTTY: true, env: { NO_COLOR: "" } }, true],
    [{ isTTY: false }, false],
    [{ isTTY: false, env: { FORCE_COLOR: "1" } }, true],
    [{ isTTY: false, env: { FORCE_COLOR: "0" } }, false],
  ])("with %j is coloured: %j", async (options, isColoured) => {
    const { out } = await run(["runs", "list"], options);
    expect(out.includes("\u001b[")).toBe(isColoured);
  });

  test("a failure shows no stack, and one with --verbose", async () => {
    const cause = new RangeError("disk gone");
    const failure = new StoreError("STORE_UNAVAILABLE", "The store cannot be opened.", {
      hint: "Look at the disk.",
      cause,
    });
    const fail = async (argv: readonly string[]): Promise<string> => {
      let err = "";
      const code = await main(argv, {
        loadWorld: () => Promise.reject(failure),
        loadOperations: () => Promise.reject(failure),
        develop: () => Promise.reject(failure),
        stdout: { write: () => undefined },
        stderr: { write: (text) => (err += text) },
        env: {},
      });
      expect(code).toBe(1);
      return err;
    };
    expect(await fail(["runs", "list"])).toBe(
      "error: The store cannot be opened.\n  hint:  Look at the disk.\n  cause: RangeError: disk gone\n",
    );
    expect(await fail(["runs", "list", "--verbose"])).toMatch(/StoreError[\s\S]+ at [\s\S]+disk gone/);
  });
});
