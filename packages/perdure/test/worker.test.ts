import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Ending, Project } from "./project.ts";

const greeting = {
  "workflows.ts": `import { createHook, sleep } from "perdure";
import { greet } from "./steps";
import { decorate } from "./decorate";

export async function hello(name: string): Promise<string> {
  "use workflow";
  const text = await greet(name);
  await sleep(20);
  return decorate(text);
}

export async function patient(token: string): Promise<string> {
  "use workflow";
  using hook = createHook<number>({ token });
  return \`got \${await hook}\`;
}
`,
  "steps.ts": `export async function greet(name: string): Promise<string> {
  "use step";
  console.log("greeting", name);
  return \`hello \${name}\`;
}
`,
  "decorate.ts": 'export const decorate = (text: string): string => text + "!";\n',
} as const;

const startAndWait = `import { start } from "perdure/api";
import { hello } from "./workflows";
const run = await start(hello, ["world"]);
console.log(await run.returnValue);
`;

const lines = (ending: Ending): string[] => ending.out.split("\n").filter((line) => line !== "");

/** The runs that the project's default store holds, as the command line lists them. */
async function runs(project: Project): Promise<readonly Record<string, unknown>[]> {
  const ending = await project.perdure("runs", "list", "--json");
  expect(ending).toMatchObject({ code: 0, err: "" });
  return lines(ending).map((line) => JSON.parse(line));
}

async function eventTypes(project: Project, runId: unknown): Promise<string[]> {
  const { out } = await project.perdure("runs", "show", String(runId), "--json");
  return JSON.parse(out).events.map(({ type }: { type: string }) => type);
}

describe("a script", () => {
  test("starts a run, awaits it at its top level, and ends", async () => {
    const project = new Project({ ...greeting, "app.ts": startAndWait });
    expect(await project.run(["app.ts"])).toEqual({
      code: 0,
      signal: null,
      out: "greeting world\nhello world!\n",
      err: "",
    });
    expect(await runs(project)).toMatchObject([{ workflow: "hello", status: "completed" }]);
  });

  test("may be CommonJS", async () => {
    const project = new Project({
      ...greeting,
      "app.cts": `const { start } = require("perdure/api");
const { hello } = require("./workflows");
start(hello, ["require"]).then((run: { returnValue: Promise<string> }) => run.returnValue).then(console.log);
`,
    });
    expect(await project.run(["app.cts"])).toMatchObject({
      code: 0,
      out: "greeting require\nhello require!\n",
      err: "",
    });
  });

  test("ends when its run only waits, and another process goes on with it", async () => {
    const project = new Project({
      ...greeting,
      "first.ts": `import { start } from "perdure/api";
import { patient } from "./workflows";
const run = await start(patient, ["token-1"]);
console.log(run.runId);
`,
      "second.ts": `import { getRun, resumeHook } from "perdure/api";
import "./workflows";
await resumeHook("token-1", 42, { wait: "20s" });
console.log(await getRun(process.argv[2] ?? "").returnValue);
`,
    });
    const first = await project.run(["first.ts"]);
    expect(first).toMatchObject({ code: 0, err: "" });
    const [runId = ""] = lines(first);
    expect(await project.run(["second.ts", runId])).toMatchObject({ code: 0, out: "got 42\n", err: "" });
  });

  test("has its background steps executed by another process, which drives nothing", async () => {
    const project = new Project({
      "perdure.config.ts": `import { defineConfig } from "perdure/config";
export default defineConfig({ worker: { role: process.env["ROLE"] === "execute" ? "execute" : "orchestrate" } });
`,
      "workflows.ts": `import { resize } from "./steps";
export async function album(count: number): Promise<string[]> {
  "use workflow";
  return await Promise.all(Array.from({ length: count }, (_, index) => resize(index)));
}
`,
      "steps.ts": `export async function resize(index: number): Promise<string> {
  "use step";
  return \`\${index} by \${process.env["ROLE"]}\`;
}
resize.dispatch = "background";
`,
      "app.ts": `import { start } from "perdure/api";
import { album } from "./workflows";
const run = await start(album, [3]);
console.log((await run.returnValue).join(", "));
`,
      "executor.ts": `import "./workflows";
setInterval(() => {}, 60_000);
console.log("ready");
`,
    });
    const executor = project.start(["executor.ts"], { ROLE: "execute" });
    await executor.printed("ready");
    const ending = await project.run(["app.ts"], { ROLE: "orchestrate" });
    expect(ending).toMatchObject({ code: 0, err: "", out: "0 by execute, 1 by execute, 2 by execute\n" });
    const [run] = await runs(project);
    const types = await eventTypes(project, run?.["runId"]);
    expect(types.filter((type) => type === "step_completed")).toHaveLength(3);
    executor.child.kill("SIGKILL");
    await executor.ended;
  });

  test("works beside another process on the same store", async () => {
    const project = new Project({ ...greeting, "app.ts": startAndWait });
    const endings = await Promise.all([project.run(["app.ts"]), project.run(["app.ts"])]);
    for (const { code, err } of endings) expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(endings.flatMap(lines).sort()).toEqual(["greeting world", "greeting world", "hello world!", "hello world!"]);
    expect(await runs(project)).toMatchObject([{ status: "completed" }, { status: "completed" }]);
  });
});

describe("a process", () => {
  test.each([
    ["server.ts", 'import "./workflows";'],
    ["server.cts", 'require("./workflows");'],
  ])("drives what it finds, without a start of its own: %s", async (entry, load) => {
    const project = new Project({
      ...greeting,
      "client.ts": `import { start } from "perdure/api";
import { hello } from "./workflows";
await start(hello, ["you"]);
`,
      [entry]: `${load}\nconsole.log("loaded once");\nsetInterval(() => undefined, 1000);\n`,
    });
    expect(await project.run(["client.ts"], { PERDURE_WORKER: "0" })).toMatchObject({ code: 0, out: "", err: "" });
    expect(await runs(project)).toMatchObject([{ status: "pending", events: 1 }]);
    const server = project.start([entry]);
    await server.printed("greeting you");
    server.child.kill("SIGTERM");
    expect(await server.ended).toMatchObject({ signal: "SIGTERM", out: "loaded once\ngreeting you\n", err: "" });
  });

  test("takes over what a killed process left behind", async () => {
    const project = new Project({
      "workflows.ts": `export async function long(): Promise<number> {
  "use workflow";
  return await work();
}
async function work(): Promise<number> {
  "use step";
  console.log("working");
  if (process.argv[2] === "hang") await new Promise(() => setInterval(() => undefined, 1000));
  return 7;
}
`,
      "app.ts": `import { start } from "perdure/api";
import { long } from "./workflows";
console.log(await (await start(long)).returnValue);
`,
      "rescue.ts": `import { getRun } from "perdure/api";
import "./workflows";
console.log(await getRun(process.argv[2] ?? "").returnValue);
`,
    });
    const first = project.start(["app.ts", "hang"]);
    await first.printed("working");
    first.child.kill("SIGKILL");
    await first.ended;
    const [run] = await runs(project);
    const second = await project.run(["rescue.ts", String(run?.["runId"])]);
    expect(second).toMatchObject({ code: 0, out: "working\n7\n", err: "" });
  });

  test("is a client only with worker: false", async () => {
    const project = new Project({
      ...greeting,
      "perdure.config.ts": "export default { worker: false } as const;",
      "app.ts": `import { start } from "perdure/api";
import { hello } from "./workflows";
const run = await start(hello, ["x"]);
console.log(await run.status);
`,
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "pending\n", err: "" });
    expect(await runs(project)).toMatchObject([{ status: "pending", events: 1 }]);
  });

  test("refuses a PERDURE_WORKER that means nothing", async () => {
    const project = new Project({ "app.ts": 'console.log("ran");' });
    expect(await project.run(["app.ts"], { PERDURE_WORKER: "off" })).toEqual({
      code: 1,
      signal: null,
      out: "",
      err: `ConfigError: PERDURE_WORKER is "off"; it can be 0 or 1.
  hint:  0: this process is a client only. 1, or unset: it becomes a worker.
`,
    });
  });

  test("that ends at every rejection cannot be a worker, and says so", async () => {
    const project = new Project({ ...greeting, "app.ts": startAndWait });
    const { code, err } = await project.start(["--unhandled-rejections=strict", "app.ts"]).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^WorkerSetupError: .*--unhandled-rejections=strict/);
    expect(err).not.toMatch(/^\s+at /m);
  });

  test("runs TypeScript in its threads, which are no workers", async () => {
    const project = new Project({
      ...greeting,
      "app.ts": `import { Worker } from "node:worker_threads";
const thread = new Worker(new URL("./thread.ts", import.meta.url));
thread.on("message", (text: string) => console.log(text));
`,
      "thread.ts": `import { parentPort } from "node:worker_threads";
import { hello } from "./workflows";
parentPort?.postMessage(typeof hello satisfies string);
`,
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "function\n", err: "" });
    expect(project.list(".")).not.toContain(".perdure");
  });
});

describe("configure()", () => {
  test("chooses the world, also after an await at the top level", async () => {
    const project = new Project({
      ...greeting,
      "perdure.config.ts": 'throw new Error("the file must not be read");',
      "app.ts": `import { configure, localWorld } from "perdure/config";
import { start } from "perdure/api";
import { hello } from "./workflows";
const path = await new Promise<string>((resolve) => setTimeout(resolve, 100, "chosen.db"));
configure({ world: localWorld({ path }) });
console.log(await (await start(hello, ["you"])).returnValue);
`,
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "greeting you\nhello you!\n", err: "" });
    expect(project.list(".")).toContain("chosen.db");
  });

  test("is refused once the world is in use", async () => {
    const project = new Project({
      "app.ts": `import { configure, localWorld } from "perdure/config";
import { getWorld } from "perdure/api";
await getWorld();
configure({ world: localWorld() });
`,
    });
    expect(await project.run(["app.ts"])).toEqual({
      code: 1,
      signal: null,
      out: "",
      err: `ConfigError: configure() came too late: this process already uses its world.
  hint:  Call it before the first start(), getRun() or startWorker(), or use a perdure.config.ts.
    at <anonymous> (${project.folder}/app.ts:4:1)
`,
    });
  });
});

describe("startWorker()", () => {
  const server = `import { startWorker } from "perdure/api";
import "./workflows";
await startWorker();
console.log("ready");
`;

  test.each(["SIGTERM", "SIGINT"] as const)(
    "holds the process until %s, which has its usual outcome",
    async (signal) => {
      const project = new Project({ ...greeting, "server.ts": server });
      const program = project.start(["server.ts"]);
      await program.printed("ready");
      program.child.kill(signal);
      expect(await program.ended).toEqual({ code: null, signal, out: "ready\n", err: "" });
    },
  );

  test("lets a running step finish and records it before the signal ends the process", async () => {
    const project = new Project({
      "workflows.ts": `export async function slow(): Promise<string> {
  "use workflow";
  return \`\${await work()} \${await work()}\`;
}
async function work(): Promise<string> {
  "use step";
  const released = new Promise((resolve) => process.once("SIGUSR2", resolve));
  process.once("SIGTERM", () => console.log("signalled"));
  console.log("begun");
  await released;
  console.log("finished");
  return "done";
}
`,
      "server.ts": `import { start, startWorker } from "perdure/api";
import { slow } from "./workflows";
await startWorker();
await start(slow);
`,
    });
    const program = project.start(["server.ts"]);
    await program.printed("begun");
    program.child.kill("SIGTERM");
    await program.printed("signalled");
    program.child.kill("SIGUSR2");
    const ending = await program.ended;
    expect(ending).toEqual({ code: null, signal: "SIGTERM", out: "begun\nsignalled\nfinished\n", err: "" });
    const [run] = await runs(project);
    expect(run).toMatchObject({ status: "running", parked: null });
    expect((await eventTypes(project, run?.["runId"])).slice(0, 4)).toEqual([
      "run_created",
      "run_started",
      "step_created",
      "step_completed",
    ]);
  });

  test("leaves the end to a program that listens to the signal itself", async () => {
    const project = new Project({
      ...greeting,
      "server.ts": `${server}process.on("SIGTERM", () => setTimeout(() => process.exit(3), 50));\n`,
    });
    const program = project.start(["server.ts"]);
    await program.printed("ready");
    program.child.kill("SIGTERM");
    expect(await program.ended).toMatchObject({ code: 3, signal: null, err: "" });
  });

  test("lets the process end after stop()", async () => {
    const project = new Project({
      ...greeting,
      "server.ts": `import { startWorker } from "perdure/api";
import "./workflows";
const worker = await startWorker();
await worker.stop();
console.log("stopped", process.listenerCount("SIGTERM"));
`,
    });
    expect(await project.run(["server.ts"])).toEqual({ code: 0, signal: null, out: "stopped 0\n", err: "" });
  });

  test("takes the place of the automatic worker", async () => {
    const project = new Project({
      ...greeting,
      "app.ts": `import { start, startWorker } from "perdure/api";
import { hello } from "./workflows";
console.log(await (await start(hello, ["one"])).returnValue);
const worker = await startWorker();
console.log(await (await start(hello, ["two"])).returnValue, process.listenerCount("SIGTERM"));
await worker.stop();
`,
    });
    const { code, out, err } = await project.run(["app.ts"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe("greeting one\nhello one!\ngreeting two\nhello two! 1\n");
  });
});

describe("errors name the lines that were written", () => {
  const files = {
    "app.ts": `import { start } from "perdure/api";
import { WorkflowRunFailedError } from "perdure/errors";
import { broken } from "./workflows";
const run = await start(broken, [process.argv[2] ?? ""]);
try {
  await run.returnValue;
} catch (error) {
  if (WorkflowRunFailedError.is(error)) console.log((error.cause as Error).stack);
}
`,
    "workflows.ts": `import { fail } from "./steps";

interface Unused { readonly a: string }

export async function broken(where: string): Promise<void> {
  "use workflow";
  if (where === "step") await fail();
  throw new RangeError("in the workflow");
}
`,
    "steps.ts": `import { FatalError } from "perdure";
enum Reason { Money }
interface Unused { readonly a: string }

export async function fail(): Promise<void> {
  "use step";
  throw new FatalError(\`in the step \${Reason.Money}\`);
}
`,
  };

  test.each([
    ["step", "in the step 0", "steps.ts:7"],
    ["workflow", "RangeError: in the workflow", "workflows.ts:8"],
  ])("in a %s", async (where, message, place) => {
    const project = new Project(files);
    const { code, out, err } = await project.run(["app.ts", where]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(message);
    expect(out).toContain(place);
  });

  test("of a bundle that cannot be built: no stack, exit code 1", async () => {
    const project = new Project({
      "app.ts": 'import { start } from "perdure/api";\nimport { wrong } from "./workflows";\nawait start(wrong);\n',
      "workflows.ts": `import { readFileSync } from "node:fs";

export async function wrong(): Promise<string> {
  "use workflow";
  return readFileSync("x", "utf8");
}
`,
    });
    const { code, out, err } = await project.run(["app.ts"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^CompileError: workflows\.ts:1:\d+ .*node:fs/);
    expect(err).not.toMatch(/^\s+at /m);
  });

  test("of a workflow that is called as a function", async () => {
    const project = new Project({
      ...greeting,
      "app.ts": 'import { hello } from "./workflows";\nawait hello("x").catch((e) => console.log(e.message));\n',
    });
    const { code, out } = await project.run(["app.ts"]);
    expect(code).toBe(0);
    expect(out).toContain('Use start(hello, [...args]) from "perdure/api".');
  });
});

test("the compiler's warnings about a workflow are shown at every start", async () => {
  const project = new Project({
    ...greeting,
    "app.ts":
      'import { start } from "perdure/api";\nimport { hasty } from "./hasty";\nawait (await start(hasty)).returnValue;\n',
    "hasty.ts": `import { greet } from "./steps";
export async function hasty(): Promise<void> {
  "use workflow";
  greet("nobody waits");
  await greet("somebody waits");
}
`,
  });
  for (const start of ["first", "second"]) {
    const { code, err } = await project.run(["app.ts"]);
    expect([start, code]).toEqual([start, 0]);
    expect(err).toMatch(/PerdureWarning: hasty\.ts:4:\d+/);
  }
});

test("an entry that waits for ever without using the world is told how to work", async () => {
  const project = new Project({
    ...greeting,
    "app.ts": 'import "./workflows";\nsetInterval(() => undefined, 1000);\nawait new Promise(() => undefined);\n',
  });
  const program = project.start(["app.ts"]);
  await program.complained("startWorker()");
  program.child.kill("SIGTERM");
  expect((await program.ended).err).toContain("PerdureWarning: The entry module is still being evaluated");
});

test("a bundle is kept on disk while its inputs are the same", async () => {
  const project = new Project({ ...greeting, "app.ts": startAndWait });
  const stamp = (): string => {
    const folder = "node_modules/.cache/perdure";
    const names = project.list(folder).filter((name) => name.endsWith(".bundle"));
    expect(names).toHaveLength(1);
    const { ino, mtimeNs } = statSync(join(project.folder, folder, names[0] ?? ""), { bigint: true });
    return `${ino} ${mtimeNs}`;
  };
  expect((await project.run(["app.ts"])).out).toContain("hello world!\n");
  const first = stamp();
  expect((await project.run(["app.ts"])).out).toContain("hello world!\n");
  expect(stamp()).toBe(first);
  project.write({ "decorate.ts": 'export const decorate = (text: string): string => text + "?";\n' });
  expect((await project.run(["app.ts"])).out).toContain("hello world?\n");
  expect(stamp()).not.toBe(first);
});

test("the command line shows, cancels and refuses on the store of the program", async () => {
  const project = new Project({
    ...greeting,
    "app.ts": `import { start } from "perdure/api";
import { patient } from "./workflows";
console.log((await start(patient, ["secret-token"], { key: "order-1" })).runId);
`,
  });
  const [runId = ""] = lines(await project.run(["app.ts"]));
  const shown = await project.perdure("runs", "show", runId);
  expect(shown).toMatchObject({ code: 0, err: "" });
  expect(shown.out).toMatch(/hook_created +hook #1/);
  expect(shown.out).not.toContain("secret-token");
  expect((await project.perdure("runs", "show", runId, "--data")).out).toContain("[ 'secret-token' ]");
  expect(await project.perdure("runs", "cancel", runId, "--reason", "enough")).toMatchObject({ code: 0 });
  expect(await runs(project)).toMatchObject([{ key: "order-1", status: "cancelled" }]);
  expect(await project.perdure("runs", "cancel", runId)).toMatchObject({ code: 1, out: "" });
  expect(await project.perdure("runs", "show", "../x")).toMatchObject({ code: 2, out: "" });
  expect(await project.perdure("runs", "show", `wrun_${"0".repeat(26)}`)).toMatchObject({ code: 1, out: "" });
  expect(await project.perdure("--help")).toMatchObject({ code: 0, err: "" });
});
