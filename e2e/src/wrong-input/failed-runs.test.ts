/** Workflows that fail: the run ends as failed, and says what threw, in which line, and what to do. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Project } from "./project.ts";

const app = `import { start } from "perdure/api";
import { outcome } from "./outcome";
import * as workflows from "./workflows";
for (const [name, workflow] of Object.entries(workflows)) {
  console.log("## " + name);
  await outcome(async () => await (await start(workflow as any, [])).returnValue);
}
`;

const uncaught = `import { start } from "perdure/api";
import * as workflows from "./workflows";
const workflow = (workflows as any)[process.argv[2] ?? ""];
console.log(await (await start(workflow, [])).returnValue);
`;

const workflows = `import { createHook, sleep } from "perdure";
import { connect, declined, flaky, holder, prices } from "./steps";

export async function throws(): Promise<void> {
  "use workflow";
  const order: { lines?: string[] } = {};
  order.lines!.push("x");
}

export async function fails(): Promise<void> {
  "use workflow";
  await declined(1200);
}

export async function stuck(): Promise<void> {
  "use workflow";
  await prices();
  await new Promise(() => undefined);
}

export async function fetches(): Promise<unknown> {
  "use workflow";
  const answer = await fetch("https://example.com");
  return answer.status;
}

export async function waits(): Promise<void> {
  "use workflow";
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

export async function environment(): Promise<string | undefined> {
  "use workflow";
  return process.env["HOME"];
}

export async function sleeps(): Promise<void> {
  "use workflow";
  await sleep("soon");
}

export async function badResult(): Promise<unknown> {
  "use workflow";
  return { total: 3, format: () => "3" };
}

export async function badArgument(): Promise<unknown> {
  "use workflow";
  return await holder({ retry: () => undefined } as never);
}

export async function badStepResult(): Promise<unknown> {
  "use workflow";
  return await connect();
}

export async function twice(): Promise<void> {
  "use workflow";
  using first = createHook({ token: "approve-17" });
  using second = createHook({ token: "approve-17" });
  await second;
  await first;
}

export async function keepsFailing(): Promise<void> {
  "use workflow";
  await flaky();
}

export async function throwsText(): Promise<void> {
  "use workflow";
  throw "out of stock";
}
`;

const steps = `import { FatalError, RetryableError } from "perdure";

export async function declined(cents: number): Promise<void> {
  "use step";
  throw new FatalError(\`card declined: \${cents} cents\`);
}
export async function prices(): Promise<number[]> {
  "use step";
  return [1, 2];
}
export async function flaky(): Promise<void> {
  "use step";
  throw new RetryableError("the bank does not answer", { retryAfter: 1 });
}
flaky.maxRetries = 2;
export async function connect(): Promise<unknown> {
  "use step";
  return { host: "db", socket: new (class Socket { end() {} })() };
}
export async function holder(options: unknown): Promise<unknown> {
  "use step";
  return options;
}
`;

const files = { "app.ts": app, "uncaught.ts": uncaught, "workflows.ts": workflows, "steps.ts": steps } as const;

describe("a program that catches the failure is told", () => {
  let project: Project;
  let told: ReadonlyMap<string, string>;

  beforeAll(async () => {
    project = Project.create(files);
    const { code, out, err } = await project.run(["app.ts"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const parts = out.split("## ").slice(1);
    told = new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]));
  });

  afterAll(() => project.remove());

  test("of every run, and every run has failed", () => {
    const failed = 4;
    expect(project.sql("SELECT workflow_name AS name, status, parked_reason FROM runs ORDER BY rid")).toEqual(
      [...told.keys()].map((name) => ({ name, status: failed, parked_reason: null })),
    );
  });

  test("throws", () => {
    expect(told.get("throws")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow throws failed: TypeError: Cannot read properties of undefined (reading 'push')
        where: run wrun_…, workflow throws, workflows.ts:7:16
      caused by TypeError [undefined]: Cannot read properties of undefined (reading 'push')
      "
    `);
  });

  test("fails", () => {
    expect(told.get("fails")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow fails failed: FatalError: card declined: 1200 cents
        where: run wrun_…, workflow fails, <project>/steps.ts:5:9
      caused by FatalError [FATAL] .is(): card declined: 1200 cents
      "
    `);
  });

  test("stuck", () => {
    expect(told.get("stuck")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow stuck failed: WorkflowStuckError: The workflow can never go on: it awaits a promise that no step, sleep or hook will settle. The last that it asked for was step prices #1.
        where: run wrun_…, workflow stuck
        hint:  Look for \`new Promise(() => {})\`, a resolver that is never called, or a deadlock between two branches.
      caused by WorkflowStuckError [WORKFLOW_STUCK] .is(): The workflow can never go on: it awaits a promise that no step, sleep or hook will settle. The last that it asked for was step prices #1.
        hint:  Look for \`new Promise(() => {})\`, a resolver that is never called, or a deadlock between two branches.
      "
    `);
  });

  test("fetches", () => {
    expect(told.get("fetches")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow fetches failed: UnavailableInWorkflowContextError: fetch is not available in workflow code.
        where: run wrun_…, workflow fetches, workflows.ts:23:24
        hint:  Call fetch in a "use step" function and return what the workflow needs.
      caused by UnavailableInWorkflowContextError [UNAVAILABLE_IN_WORKFLOW_CONTEXT] .is(): fetch is not available in workflow code.
        hint:  Call fetch in a "use step" function and return what the workflow needs.
      "
    `);
  });

  test("waits", () => {
    expect(told.get("waits")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow waits failed: UnavailableInWorkflowContextError: setTimeout is not available in workflow code.
        where: run wrun_…, workflow waits, workflows.ts:29:34
        hint:  Use \`await sleep("10s")\` from "perdure": it waits durably.
      caused by UnavailableInWorkflowContextError [UNAVAILABLE_IN_WORKFLOW_CONTEXT] .is(): setTimeout is not available in workflow code.
        hint:  Use \`await sleep("10s")\` from "perdure": it waits durably.
      "
    `);
  });

  test("environment", () => {
    expect(told.get("environment")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow environment failed: UnavailableInWorkflowContextError: process is not available in workflow code.
        where: run wrun_…, workflow environment, workflows.ts:34:3
        hint:  Read configuration in a step, or pass it to the workflow as an argument.
      caused by UnavailableInWorkflowContextError [UNAVAILABLE_IN_WORKFLOW_CONTEXT] .is(): process is not available in workflow code.
        hint:  Read configuration in a step, or pass it to the workflow as an argument.
      caused by ReferenceError [undefined]: process is not defined
      "
    `);
  });

  test("sleeps", () => {
    expect(told.get("sleeps")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow sleeps failed: InvalidDurationError: "soon" is not a duration.
        where: run wrun_…, workflow sleeps, workflows.ts:39:9
        hint:  Use milliseconds (0 or more), a Date, or text such as "10s", "5m", "2 hours", "1 day".
      caused by InvalidDurationError [INVALID_DURATION] .is(): "soon" is not a duration.
        hint:  Use milliseconds (0 or more), a Date, or text such as "10s", "5m", "2 hours", "1 day".
      "
    `);
  });

  test("badResult", () => {
    expect(told.get("badResult")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow badResult failed: SerializationError: Cannot store the result of workflow badResult at .format: found function format.
        where: run wrun_…, workflow badResult
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      caused by SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the result of workflow badResult at .format: found function format.
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("badArgument", () => {
    expect(told.get("badArgument")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow badArgument failed: SerializationError: Cannot store the arguments of step holder at [0].retry: found function retry.
        where: run wrun_…, workflow badArgument, workflows.ts:49:16
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      caused by SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the arguments of step holder at [0].retry: found function retry.
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("badStepResult", () => {
    expect(told.get("badStepResult")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow badStepResult failed: SerializationError: Cannot store the result of step connect #1 (steps.ts:16) at .socket: found an instance of class Socket.
        where: run wrun_…, workflow badStepResult
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      caused by SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the result of step connect #1 (steps.ts:16) at .socket: found an instance of class Socket.
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("twice", () => {
    expect(told.get("twice")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow twice failed: HookConflictError: The token of hook #2 is already held by an older hook of this run.
        where: run wrun_…, workflow twice
        hint:  Dispose of the older hook first, await it again, or give each hook a token of its own.
      caused by HookConflictError [HOOK_CONFLICT] .is(): The token of hook #2 is already held by an older hook of this run.
        hint:  Dispose of the older hook first, await it again, or give each hook a token of its own.
      "
    `);
  });

  test("keepsFailing", () => {
    expect(told.get("keepsFailing")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow keepsFailing failed: FatalError: Step "step//./steps//flaky" failed after 2 retries: the bank does not answer
        where: run wrun_…, workflow keepsFailing, <project>/steps.ts:13:9
      caused by FatalError [FATAL] .is(): Step "step//./steps//flaky" failed after 2 retries: the bank does not answer
      caused by RetryableError [RETRYABLE] .is(): the bank does not answer
      "
    `);
  });

  test("throwsText", () => {
    expect(told.get("throwsText")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError [RUN_FAILED] .is(): Workflow throwsText failed: out of stock
        where: run wrun_…, workflow throwsText
      caused by string [undefined]: out of stock
      "
    `);
  });
});

describe("a program that does not catch it ends with exit code 1 and the text, without frames of Perdure", () => {
  async function complaint(name: string): Promise<string> {
    const project = new Project(files);
    const { code, out, err } = await project.run(["uncaught.ts", name]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    return err;
  }

  test("throws", async () => {
    expect(await complaint("throws")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError: Workflow throws failed: TypeError: Cannot read properties of undefined (reading 'push')
        where: run wrun_…, workflow throws, workflows.ts:7:16
          at async <anonymous> (<project>/uncaught.ts:4:13)

      caused by TypeError: Cannot read properties of undefined (reading 'push')
          at throws (workflows.ts:7:16)
      "
    `);
  });

  test("fails", async () => {
    expect(await complaint("fails")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError: Workflow fails failed: FatalError: card declined: 1200 cents
        where: run wrun_…, workflow fails, <project>/steps.ts:5:9
          at async <anonymous> (<project>/uncaught.ts:4:13)

      caused by FatalError: card declined: 1200 cents
          at declined (<project>/steps.ts:5:9)
      "
    `);
  });

  test("fetches", async () => {
    expect(await complaint("fetches")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError: Workflow fetches failed: UnavailableInWorkflowContextError: fetch is not available in workflow code.
        where: run wrun_…, workflow fetches, workflows.ts:23:24
        hint:  Call fetch in a "use step" function and return what the workflow needs.
          at async <anonymous> (<project>/uncaught.ts:4:13)

      caused by UnavailableInWorkflowContextError: fetch is not available in workflow code.
          at fetches (workflows.ts:23:24)
      "
    `);
  });

  test("stuck", async () => {
    expect(await complaint("stuck")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError: Workflow stuck failed: WorkflowStuckError: The workflow can never go on: it awaits a promise that no step, sleep or hook will settle. The last that it asked for was step prices #1.
        where: run wrun_…, workflow stuck
        hint:  Look for \`new Promise(() => {})\`, a resolver that is never called, or a deadlock between two branches.
          at async <anonymous> (<project>/uncaught.ts:4:13)

      caused by WorkflowStuckError: The workflow can never go on: it awaits a promise that no step, sleep or hook will settle. The last that it asked for was step prices #1.
      "
    `);
  });

  test("badStepResult", async () => {
    expect(await complaint("badStepResult")).toMatchInlineSnapshot(`
      "WorkflowRunFailedError: Workflow badStepResult failed: SerializationError: Cannot store the result of step connect #1 (steps.ts:16) at .socket: found an instance of class Socket.
        where: run wrun_…, workflow badStepResult
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
          at async <anonymous> (<project>/uncaught.ts:4:13)

      caused by SerializationError: Cannot store the result of step connect #1 (steps.ts:16) at .socket: found an instance of class Socket.
      "
    `);
  });
});

test("a hook token that another run holds: that run is named, and keeps its token", async () => {
  const project = new Project({
    "workflows.ts": `import { createHook } from "perdure";
export async function approval(): Promise<string> {
  "use workflow";
  using hook = createHook<string>({ token: "approve-17" });
  return "approved by " + (await hook);
}
`,
    "app.ts": `import { resumeHook, start } from "perdure/api";
import { outcome } from "./outcome";
import { approval } from "./workflows";
const first = await start(approval);
const second = await start(approval);
try {
  await second.returnValue;
} catch (error) {
  console.log("names the first run:", (error as any).cause.conflictingRunId === first.runId);
}
await outcome(() => second.returnValue);
await resumeHook("approve-17", "Ann");
await outcome(() => first.returnValue);
`,
  });
  const { code, out, err } = await project.run(["app.ts"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatchInlineSnapshot(`
    "names the first run: true
    WorkflowRunFailedError [RUN_FAILED] .is(): Workflow approval failed: HookConflictError: The token of hook #1 is already held by run wrun_….
      where: run wrun_…, workflow approval
      hint:  Put into the token what the run is about, such as the id of an order, or ask \`hook.getConflict()\` which run holds it.
    caused by HookConflictError [HOOK_CONFLICT] .is(): The token of hook #1 is already held by run wrun_….
      hint:  Put into the token what the run is about, such as the id of an order, or ask \`hook.getConflict()\` which run holds it.
    no error: "approved by Ann"
    "
  `);
});
