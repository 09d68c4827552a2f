/** Runs that cannot go on by themselves: parked with the reason, nothing of them lost, and alive again once the cause is mended. */
import { expect, test } from "vitest";
import { Project } from "./project.ts";

const steps = `export async function quote(id: number, currency: string): Promise<string> {
  "use step";
  console.log("quoting", id);
  return id * 10 + " " + currency;
}
export async function ship(id: number, price: string): Promise<string> {
  "use step";
  console.log("shipping", id);
  return "shipped " + id + " for " + price;
}
`;

const files = {
  "workflows.ts": `import { createHook } from "perdure";
import { quote, ship } from "./steps";

export async function order(id: number): Promise<string> {
  "use workflow";
  using approval = createHook<boolean>({ token: "approve-" + id });
  const price = await quote(id, "EUR");
  await approval;
  return await ship(id, price);
}
`,
  "steps.ts": steps,
  "begin.ts": `import { start } from "perdure/api";
import { order } from "./workflows";
console.log((await start(order, [17])).runId);
`,
  "approve.ts": `import { getRun, resumeHook } from "perdure/api";
import { outcome } from "./outcome";
import "./workflows";
await resumeHook("approve-17", true);
await outcome(() => getRun(process.argv[2] ?? "").returnValue);
`,
  "other.ts": `import { resumeHook, start } from "perdure/api";
import { order } from "./workflows";
const run = await start(order, [18]);
await resumeHook("approve-18", true, { wait: "20s" });
console.log(await run.returnValue);
`,
  "await-through.ts": `import { getRun } from "perdure/api";
import { outcome } from "./outcome";
import "./workflows";
await outcome(() => getRun(process.argv[2] ?? "").wait());
`,
  "await.ts": `import { getRun } from "perdure/api";
import { outcome } from "./outcome";
import "./workflows";
await outcome(() => getRun(process.argv[2] ?? "").returnValue);
`,
} as const;

/** A project with a run that waits for its approval, and the run's id. */
async function waitingRun(): Promise<{ readonly project: Project; readonly runId: string }> {
  const project = new Project(files);
  const { code, out, err } = await project.run(["begin.ts"]);
  expect({ code, err, out }).toEqual({ code: 0, err: "", out: "quoting 17\nwrun_…\n" });
  const [run] = project.sql("SELECT run_id FROM runs");
  return { project, runId: String(run?.["run_id"]) };
}

/** Approves the run in another process, which finds that it cannot go on. */
async function approve({ project, runId }: Waiting, program = "approve.ts"): Promise<string> {
  const before = project.log();
  const { code, out, err } = await project.run([program, runId]);
  expect(code).toBe(0);
  // The worker reports what it parks, whether or not somebody awaits the run.
  expect(err).toBe(out.replace("RunParkedError [RUN_PARKED] .is():", "perdure: RunParkedError:"));
  const shown = await project.perdure("runs", "show", runId);
  expect(shown).toMatchObject({ code: 0, err: "" });
  const after = project.log();
  expect(after.slice(0, before.length)).toEqual(before);
  const parked = /\nparked since[\s\S]*?\n\n/.exec(shown.out)?.[0] ?? shown.out;
  return `${out}--- perdure runs show\n${parked.trim()}`;
}

type Waiting = Awaited<ReturnType<typeof waitingRun>>;

/** Wakes the run, and sees it through to its end. */
async function revive({ project, runId }: Waiting): Promise<void> {
  expect(await project.perdure("runs", "unpark", runId)).toMatchObject({ code: 0, err: "" });
  const { out } = await project.run(["await.ts", runId]);
  expect(out).toBe('shipping 17\nno error: "shipped 17 for 170 EUR"\n');
}

const types = { runCreated: 1, runCompleted: 3, runCancelled: 5, stepCreated: 10, stepCompleted: 12 } as const;

/** Damages a column of the first event of a type, and gives the way back. */
function damage(
  project: Project,
  type: number,
  column: string,
  change: (value: unknown) => string | Uint8Array,
): () => void {
  const [row] = project.sql(`SELECT id, ${column} AS value FROM events WHERE type = ? ORDER BY id LIMIT 1`, type);
  const id = Number(row?.["id"]);
  const before = row?.["value"] as string | Uint8Array;
  project.sql(`UPDATE events SET ${column} = ? WHERE id = ?`, change(before), id);
  return () => {
    project.sql(`UPDATE events SET ${column} = ? WHERE id = ?`, before, id);
    project.seal();
  };
}

/** The same, as if Perdure had written it so. */
function alter(...[project, ...rest]: Parameters<typeof damage>): () => void {
  const mend = damage(project, ...rest);
  project.seal();
  return mend;
}

const setInData = (name: string, value: unknown) => (data: unknown) =>
  JSON.stringify({ ...JSON.parse(String(data)), [name]: value });

test("a log that names another step than the code asks for", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.stepCreated, "data", setInData("name", "quoteNet"));
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (diverged): The code no longer does what the log holds: the step has another name.
      expected: quoteNet #1, at position 4 of the log
      found:    quote #1, asked for at workflows.ts:7:23
      cause:    Likely the value depends on something that a replay does not repeat (another version of Node, a caught stack overflow), or the log was altered.
      where: run wrun_…, position 4
      hint:  A run keeps the code that started it, so an edit helps new runs alone: cancel this one and start it again. If the log was altered, restore the store and unpark the run. \`perdure runs show <id> --data\` has the recorded values.
    --- perdure runs show
    parked since <moment> at position 4: diverged
      The code no longer does what the log holds: the step has another name.
        expected: quoteNet #1, at position 4 of the log
        found:    quote #1, asked for at workflows.ts:7:23
        cause:    Likely the value depends on something that a replay does not repeat (another version of Node, a caught stack overflow), or the log was altered.
      hint:  A run keeps the code that started it, so an edit helps new runs alone: cancel this one and start it again. If the log was altered, restore the store and unpark the run. \`perdure runs show <id> --data\` has the recorded values."
  `);
  mend();
  await revive(waiting);
});

test("a log that holds other arguments than the code asks with", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.stepCreated, "data", setInData("inputDigest", `1::${"A".repeat(22)}`));
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (diverged): The code no longer does what the log holds: it is the same step with other arguments.
      expected: quote #1, arguments with the digest 1::AAAAAAAAAAAAAAAAAAAAAA, at position 4 of the log
      found:    quote #1, arguments with the digest 1:204fd3c7886c597c7f84f02df7b69e25, asked for at workflows.ts:7:23
      cause:    Likely the value depends on something that a replay does not repeat (another version of Node, a caught stack overflow), or the log was altered.
      where: run wrun_…, position 4
      hint:  A run keeps the code that started it, so an edit helps new runs alone: cancel this one and start it again. If the log was altered, restore the store and unpark the run. \`perdure runs show <id> --data\` has the recorded values.
    --- perdure runs show
    parked since <moment> at position 4: diverged
      The code no longer does what the log holds: it is the same step with other arguments.
        expected: quote #1, arguments with the digest 1::AAAAAAAAAAAAAAAAAAAAAA, at position 4 of the log
        found:    quote #1, arguments with the digest 1:204fd3c7886c597c7f84f02df7b69e25, asked for at workflows.ts:7:23
        cause:    Likely the value depends on something that a replay does not repeat (another version of Node, a caught stack overflow), or the log was altered.
      hint:  A run keeps the code that started it, so an edit helps new runs alone: cancel this one and start it again. If the log was altered, restore the store and unpark the run. \`perdure runs show <id> --data\` has the recorded values."
  `);
  mend();
  await revive(waiting);
});

test("a recorded value that is damaged", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.stepCompleted, "payload", (payload) => {
    const bytes = Uint8Array.from(payload as Uint8Array);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return bytes;
  });
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (undecodable): The payload of the step_completed at position 5 cannot be read. These bytes are no payload: they start with 0xbc, not 0xbd.
      where: run wrun_…, position 5
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.
    --- perdure runs show
    parked since <moment> at position 5: undecodable
      The payload of the step_completed at position 5 cannot be read. These bytes are no payload: they start with 0xbc, not 0xbd.
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run."
  `);
  mend();
  await revive(waiting);
});

test("a recorded value that is cut off", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.stepCompleted, "payload", (payload) =>
    (payload as Uint8Array).slice(0, -3),
  );
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (undecodable): The payload of the step_completed at position 5 cannot be read. A payload of 24 bytes does not fit its checksum: bytes were changed or cut off.
      where: run wrun_…, position 5
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.
    --- perdure runs show
    parked since <moment> at position 5: undecodable
      The payload of the step_completed at position 5 cannot be read. A payload of 24 bytes does not fit its checksum: bytes were changed or cut off.
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run."
  `);
  mend();
  await revive(waiting);
});

test("a recorded value in which one character was changed", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.stepCompleted, "payload", (payload) => {
    const bytes = Buffer.from(payload as Uint8Array);
    const at = bytes.indexOf("170");
    bytes.write("171", at < 0 ? 8 : at);
    return bytes;
  });
  expect(await approve(waiting)).toContain("does not fit its checksum");
  mend();
  await revive(waiting);
});

/** Puts an event of a type that a newer version might write at the end of the log; the answer is its row's id. */
function writeFromTheFuture({ project, runId }: Waiting): number {
  const [last] = project.sql("SELECT max(id) AS id, max(at) AS at FROM events");
  const id = Number(last?.["id"]) + 1;
  const at = Number(last?.["at"]);
  project.sql("INSERT INTO events (id, type, at, committed_at, sum) VALUES (?, 99, ?, ?, 0)", id, at, at);
  project.sql("UPDATE runs SET tail = tail + 1 WHERE run_id = ?", runId);
  project.seal();
  return id;
}

test("an event of a type that this version does not know", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  const id = writeFromTheFuture(waiting);
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (unknown_event): The log holds an event of type "type_99", which this version does not know.
      where: run wrun_…, position 6
      hint:  A newer version of Perdure wrote to this run: upgrade the workers, then unpark it.
    --- perdure runs show
    parked since <moment> at position 6: unknown_event
      The log holds an event of type "type_99", which this version does not know.
      hint:  A newer version of Perdure wrote to this run: upgrade the workers, then unpark it."
  `);
  project.sql("DELETE FROM events WHERE id = ?", id);
  project.sql("UPDATE events SET id = id - 1 WHERE id > ?", id);
  project.sql("UPDATE runs SET tail = tail - 1 WHERE run_id = ?", runId);
  project.seal();
  await revive(waiting);
});

test("a run that this version cannot read can be cancelled all the same", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  writeFromTheFuture(waiting);
  expect(await project.perdure("runs", "cancel", runId)).toMatchObject({ code: 0, err: "" });
  expect(project.sql("SELECT type FROM events ORDER BY id DESC LIMIT 1")).toEqual([{ type: types.runCancelled }]);
});

test("a bundle that the store no longer holds", async () => {
  const waiting = await waitingRun();
  const { project } = waiting;
  const [bundle] = project.sql("SELECT * FROM bundles");
  project.sql("DELETE FROM bundles");
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (bundle_missing): The store does not hold bundle bndl_…, which started this run.
      where: run wrun_…, position 1
      hint:  The code that started the run is gone: restore the store from a backup and unpark the run, or cancel it.
    --- perdure runs show
    parked since <moment> at position 1: bundle_missing
      The store does not hold bundle bndl_…, which started this run.
      hint:  The code that started the run is gone: restore the store from a backup and unpark the run, or cancel it."
  `);
  const { namespace_id: namespace, id, bytes, created_at: at, sum } = bundle ?? {};
  project.sql(
    "INSERT INTO bundles VALUES (?, ?, ?, ?, ?)",
    Number(namespace),
    String(id),
    bytes as Uint8Array,
    Number(at),
    Number(sum),
  );
  await revive(waiting);
});

test("a bundle that is damaged", async () => {
  const waiting = await waitingRun();
  const { project } = waiting;
  const [bundle] = project.sql("SELECT bytes FROM bundles");
  const bytes = Uint8Array.from(bundle?.["bytes"] as Uint8Array);
  bytes[100] = (bytes[100] ?? 0) ^ 0xff;
  project.sql("UPDATE bundles SET bytes = ?", bytes);
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (undecodable): Bundle bndl_… does not match its checksum.
      where: run wrun_…, position 1
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.
    --- perdure runs show
    parked since <moment> at position 1: undecodable
      Bundle bndl_… does not match its checksum.
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run."
  `);
  project.sql("UPDATE bundles SET bytes = ?", bundle?.["bytes"] as Uint8Array);
  await revive(waiting);
});

test("a run that a newer version of the log's format wrote", async () => {
  const waiting = await waitingRun();
  const mend = alter(waiting.project, types.runCreated, "data", setInData("specVersion", 99));
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (unknown_event): Version 99 of the log's format wrote the run; this process reads up to 1.
      where: run wrun_…, position 1
      hint:  A newer version of Perdure wrote to this run: upgrade the workers, then unpark it.
    --- perdure runs show
    parked since <moment> at position 1: unknown_event
      Version 99 of the log's format wrote the run; this process reads up to 1.
      hint:  A newer version of Perdure wrote to this run: upgrade the workers, then unpark it."
  `);
  mend();
  await revive(waiting);
});

test("an event that is damaged, beside a run that is not", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  const mend = damage(project, types.stepCreated, "data", (data) =>
    String(data).replace("EUR", "EUS").replace("1", "2"),
  );
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (undecodable): The event at position 4 does not match its checksum.
      where: run wrun_…, position 4
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.
    --- perdure runs show
    parked since <moment> at position 4: undecodable
      The event at position 4 does not match its checksum.
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run."
  `);
  expect((await project.perdure("runs", "show", runId)).out).toContain(
    "The log cannot be read further. The event at position 4 does not match its checksum.",
  );
  expect(await project.run(["other.ts"])).toMatchObject({
    code: 0,
    out: expect.stringContaining("shipped 18 for 180 EUR"),
  });
  mend();
  await revive(waiting);
});

test("a run whose row is damaged, beside one whose row is not", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  project.sql("UPDATE runs SET workflow_name = 'odder' WHERE run_id = ?", runId);
  const shown = await project.perdure("runs", "show", runId);
  expect(project.plain(shown.out)).toMatchInlineSnapshot(`
    "run       wrun_…
    workflow  odder (workflow//./workflows//order)
    status    running, parked: undecodable
    created   <moment>
    started   <moment>

    parked since <moment>: undecodable
      The row of this run in the store is damaged: it does not match its checksum.
      hint:  The store is damaged, or a newer version of Perdure wrote the value: restore the store from a backup, or upgrade the workers; then unpark the run.

    #  TYPE  WHAT  AT  DELTA

    The log cannot be read further. The row of this run in the store is damaged: it does not match its checksum.
    "
  `);
  expect(await project.run(["other.ts"])).toMatchObject({
    code: 0,
    out: expect.stringContaining("shipped 18 for 180 EUR"),
  });
  project.sql("UPDATE runs SET workflow_name = 'order' WHERE run_id = ?", runId);
  expect((await project.run(["approve.ts", runId])).out).toContain("shipped 17 for 170 EUR");
});

test("a result that is damaged after the run has ended", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  expect((await project.run(["approve.ts", runId])).code).toBe(0);
  const mend = alter(project, types.runCompleted, "payload", (payload) => (payload as Uint8Array).slice(0, 9));
  const { code, out, err } = await project.run(["await.ts", runId]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatchInlineSnapshot(`
    "UndecodableError [UNDECODABLE] .is(): The payload of the run_completed cannot be read. A payload of 9 bytes is cut off: the shortest has 16.
      where: run wrun_…, position 10
      hint:  The store is damaged: restore it from a backup. The run itself has ended.
    caused by UndecodableError [UNDECODABLE] .is(): A payload of 9 bytes is cut off: the shortest has 16.
    "
  `);
  mend();
  expect((await project.run(["await.ts", runId])).out).toBe('no error: "shipped 17 for 170 EUR"\n');
});

test("a step that the new deploy no longer has, until a process has it again", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  project.write({
    "steps.ts": steps.replaceAll("ship(", "dispatch("),
    "workflows.ts": files["workflows.ts"].replaceAll("ship", "dispatch"),
  });
  expect(await approve(waiting)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (needs_step): Step step//./steps//ship (ship #1) is not registered in this process.
      where: run wrun_…, position 7
      hint:  The step was renamed, moved or removed, or its module is not imported: start a worker that has it, and the run goes on by itself.
    --- perdure runs show
    parked since <moment> at position 7: needs_step
      Step step//./steps//ship (ship #1) is not registered in this process.
      hint:  The step was renamed, moved or removed, or its module is not imported: start a worker that has it, and the run goes on by itself."
  `);
  project.write({ "steps.ts": steps, "workflows.ts": files["workflows.ts"] });
  const { out } = await project.run(["await-through.ts", runId]);
  expect(out).toBe('shipping 17\nno error: "shipped 17 for 170 EUR"\n');
});

test("a run that is parked and not mended parks again, and can be cancelled", async () => {
  const waiting = await waitingRun();
  const { project, runId } = waiting;
  alter(project, types.stepCreated, "data", setInData("name", "quoteNet"));
  const first = await approve(waiting);
  expect(await project.perdure("runs", "unpark", runId)).toMatchObject({ code: 0, err: "" });
  const second = await project.run(["await.ts", runId]);
  expect(first).toContain(second.out);
  expect(await project.perdure("runs", "unpark", runId)).toMatchObject({ code: 0 });
  expect(await project.perdure("runs", "cancel", runId)).toMatchObject({ code: 0, err: "" });
  expect((await project.run(["await.ts", runId])).out).toMatchInlineSnapshot(`
    "WorkflowRunCancelledError [RUN_CANCELLED] .is(): The run was cancelled.
      where: run wrun_…
    "
  `);
  const again = await project.perdure("runs", "unpark", runId);
  expect(again.code).toBe(1);
  expect(again.err).toMatchInlineSnapshot(`
    "error: The run is not parked: it is cancelled. Nothing was changed.
      where: run wrun_…
    "
  `);
});
