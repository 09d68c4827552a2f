/** Workflow code that never yields, and step bodies that take their process with them: other runs and the worker live on. */
import { expect, test } from "vitest";
import { type Ending, Project } from "./project.ts";

const workflows = `import { sleep } from "perdure";
import { announce } from "./steps";

export async function endless(): Promise<void> {
  "use workflow";
  await announce("endless");
  for (;;);
}

export async function endlessPromises(): Promise<void> {
  "use workflow";
  await announce("endless");
  for (;;) await undefined;
}

export async function deep(): Promise<number> {
  "use workflow";
  await announce("deep");
  const down = (n: number): number => 1 + down(n + 1);
  return down(0);
}

export async function good(n: number): Promise<string> {
  "use workflow";
  await announce("good " + n);
  await sleep(50);
  await announce("again " + n);
  return "good " + n;
}
`;

const files = {
  "workflows.ts": workflows,
  "steps.ts": `export async function announce(text: string): Promise<void> {
  "use step";
  console.log("step:", text);
}
`,
  "perdure.config.ts": `import { defineConfig } from "perdure/config";
export default defineConfig({ worker: { turnLimitMs: Number(process.env["TURN_LIMIT_MS"] ?? 100) } });
`,
  "app.ts": `import { start } from "perdure/api";
import { outcome } from "./outcome";
import * as workflows from "./workflows";
const before = await start(workflows.good, [1]);
const bad = await start((workflows as any)[process.argv[2] ?? ""], []);
await outcome(() => bad.returnValue);
const after = await start(workflows.good, [2]);
console.log(await before.returnValue);
console.log(await after.returnValue);
`,
} as const;

/** Runs the workflow between two good ones, and says what its caller and the command line were told. */
async function stopped(name: string): Promise<string> {
  const project = new Project(files);
  const { code, out, err } = await project.run(["app.ts", name]);
  expect(code).toBe(0);
  const told = out.replaceAll(/^step: .*\n/gm, "");
  expect(told.slice(told.indexOf("good 1"))).toBe("good 1\ngood 2\n");
  expect(err).toMatch(/^perdure: RunParkedError: The run is parked \(runaway\)/);
  const [run] = project.sql("SELECT run_id, status, parked_reason FROM runs WHERE workflow_name = ?", name);
  expect(run).toMatchObject({ status: 2, parked_reason: "runaway" });
  const runId = String(run?.["run_id"]);
  const events = JSON.parse((await project.perdure("runs", "show", runId, "--json")).out).events;
  expect(events.map(({ type }: { type: string }) => type)).toEqual(untilStep);
  const shown = await project.perdure("runs", "show", runId);
  expect(await project.perdure("runs", "cancel", runId)).toMatchObject({ code: 0, err: "" });
  const parked = /\nparked since[\s\S]*?\n\n/.exec(shown.out)?.[0] ?? shown.out;
  return `${told.slice(0, told.indexOf("good 1"))}--- perdure runs show\n${parked.trim()}`;
}

const untilStep = ["run_created", "run_started", "step_created", "step_completed"];

test.each([
  ["loop", "endless"],
  ["loop of promises", "endlessPromises"],
])("a %s that never ends is stopped and parked, and the other runs finish", async (_what, name) => {
  expect(await stopped(name)).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (runaway): The workflow code ran for 400 ms without waiting for a step, a sleep or a hook. It began with the step_completed at position 4.
      where: run wrun_…, position 4
      hint:  Look for a loop or a recursion that never ends. A run keeps the code that started it: cancel this one and start it again with better code. If the work is only long, raise worker.turnLimitMs and unpark the run.
    --- perdure runs show
    parked since <moment> at position 4: runaway
      The workflow code ran for 400 ms without waiting for a step, a sleep or a hook. It began with the step_completed at position 4.
      hint:  Look for a loop or a recursion that never ends. A run keeps the code that started it: cancel this one and start it again with better code. If the work is only long, raise worker.turnLimitMs and unpark the run."
  `);
});

test("a recursion that never ends is parked, and the other runs finish", async () => {
  expect(await stopped("deep")).toMatchInlineSnapshot(`
    "RunParkedError [RUN_PARKED] .is(): The run is parked (runaway): The workflow code ended in a stack overflow that it did not catch. It began with the step_completed at position 4.
      where: run wrun_…, position 4
      hint:  Look for a loop or a recursion that never ends. A run keeps the code that started it: cancel this one and start it again with better code. If the work is only long, raise worker.turnLimitMs and unpark the run.
    --- perdure runs show
    parked since <moment> at position 4: runaway
      The workflow code ended in a stack overflow that it did not catch. It began with the step_completed at position 4.
      hint:  Look for a loop or a recursion that never ends. A run keeps the code that started it: cancel this one and start it again with better code. If the work is only long, raise worker.turnLimitMs and unpark the run."
  `);
});

const watched = {
  ...files,
  "watcher.ts": `import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
const beats = new Int32Array(workerData as SharedArrayBuffer);
for (let last = -1, same = 0; ; ) {
  Atomics.wait(beats, 1, 0, 20);
  const now = Atomics.load(beats, 0);
  same = now === last ? same + 1 : 0;
  last = now;
  if (same === 25) writeSync(1, "the event loop is blocked\\n");
}
`,
  "loop.ts": `import { Worker } from "node:worker_threads";
import { start } from "perdure/api";
import { endless } from "./workflows";
if (process.argv[2] === "listen") {
  process.on("SIGINT", () => {
    console.log("the program's own listener");
    process.exit(7);
  });
}
const beats = new Int32Array(new SharedArrayBuffer(8));
setInterval(() => Atomics.add(beats, 0, 1), 5);
const watcher = new Worker(new URL("./watcher.ts", import.meta.url), { workerData: beats.buffer });
await new Promise((resolve) => watcher.once("online", resolve));
const run = await start(endless);
await run.returnValue;
`,
} as const;

/** Presses Ctrl-C once the event loop of the program is blocked by workflow code. */
async function interrupt(project: Project, ...args: readonly string[]): Promise<Ending> {
  const program = project.start(["loop.ts", ...args], { env: { TURN_LIMIT_MS: "600000" } });
  await program.printed("the event loop is blocked");
  program.child.kill("SIGINT");
  return await program.ended;
}

test("Ctrl-C ends a process whose workflow code loops for ever, and the run is still there", async () => {
  const project = new Project(watched);
  expect(await interrupt(project)).toMatchObject({ code: null, signal: "SIGINT", err: "" });
  const [run] = project.sql("SELECT run_id, status, parked_reason FROM runs");
  expect(run).toMatchObject({ status: 2, parked_reason: null });
  const shown = await project.perdure("runs", "show", String(run?.["run_id"]), "--json");
  expect(JSON.parse(shown.out).events.map(({ type }: { type: string }) => type)).toEqual(untilStep);
});

test("Ctrl-C reaches a program's own listener while workflow code loops for ever", async () => {
  const ending = await interrupt(new Project(watched), "listen");
  expect(ending).toMatchObject({ code: 7, signal: null, err: "" });
  expect(ending.out).toContain("the program's own listener");
});

test("a step that ends its process every time fails with StepLostError", async () => {
  const project = new Project({
    "workflows.ts": `import { crash } from "./steps";
export async function fragile(): Promise<string> {
  "use workflow";
  try {
    return await crash();
  } catch (error) {
    throw error;
  }
}
`,
    "steps.ts": `export async function crash(): Promise<string> {
  "use step";
  console.log("crashing");
  process.kill(process.pid, "SIGKILL");
  return await new Promise(() => undefined);
}
`,
    "perdure.config.ts": `import { defineConfig } from "perdure/config";
export default defineConfig({ worker: { leaseMs: 200, sweepMs: 50 } });
`,
    "begin.ts": `import { start } from "perdure/api";
import { fragile } from "./workflows";
await (await start(fragile)).returnValue;
`,
    "await.ts": `import { getRun } from "perdure/api";
import { outcome } from "./outcome";
import "./workflows";
await outcome(() => getRun(process.argv[2] ?? "").returnValue);
`,
  });
  expect(await project.run(["begin.ts"])).toMatchObject({ signal: "SIGKILL" });
  const [run] = project.sql("SELECT run_id FROM runs");
  let last = "";
  let crashes = 1;
  for (; crashes < 20 && last === ""; crashes += 1) {
    const { signal, out, err } = await project.run(["await.ts", String(run?.["run_id"])]);
    if (signal !== "SIGKILL") last = out + err;
  }
  expect(last).toMatchInlineSnapshot(`
    "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow fragile failed: StepLostError: Step crash #1 was started 10 times and every worker that ran it was lost.
      where: run wrun_…, workflow fragile, step crash #1
      hint:  Look for a step body that ends the process: out of memory, process.exit, a native crash.
    caused by StepLostError [STEP_LOST] .is(): Step crash #1 was started 10 times and every worker that ran it was lost.
      where: step crash #1
      hint:  Look for a step body that ends the process: out of memory, process.exit, a native crash.
    "
  `);
  expect(crashes).toBe(11);
}, 120_000);
