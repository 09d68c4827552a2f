/** Calls of the API with something that they cannot take: refused before anything is written. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ending, Project } from "./project.ts";

const workflows = `import { sleep } from "perdure";
import { charge } from "./steps";

export async function checkout(order: unknown): Promise<string> {
  "use workflow";
  await charge(1);
  await sleep("1 day");
  return JSON.stringify(order);
}

export async function short(order: unknown): Promise<string> {
  "use workflow";
  return JSON.stringify(order);
}
`;

const steps = `export async function charge(cents: number): Promise<number> {
  "use step";
  return cents;
}
`;

/** The calls of one program, by what is wrong with them. */
const calls = {
  "a workflow that is not registered": 'await start({ workflowId: "workflow//workflows.ts//chekout" })',
  "an ordinary function": "await start(async function sendMail() {})",
  "a step in the place of a workflow": "await start(charge as any, [1])",
  "nothing in the place of a workflow": "await start(undefined as any)",
  "a workflow that is called instead of started": "await checkout({ id: 1 })",
  "arguments that are no list": 'await start(short, "order-1" as any)',
  "an option that does not exist": 'await start(short, [1], { kee: "order-1" } as any)',
  "a key that is no text": "await start(short, [1], { key: 17 } as any)",
  "an argument that cannot be stored": "await start(checkout, [{ id: 1, items: [{ onSold() {} }] }])",
  "an instance of a class that cannot be stored": "await start(checkout, [new (class Basket { items = [1] })()])",
  "a durable function of workflows outside of one": 'await sleep("1s")',
  "the id of no run": 'await getRun("order-17").status',
  "the id of a run that is not in this store": 'await getRun("wrun_01JD0000000000000000000000").returnValue',
  "a payload for a token that no hook holds": 'await resumeHook("approve-17", { ok: true })',
  "a payload without a token": "await resumeHook(undefined as any, { ok: true })",
  "a payload that cannot be stored": 'await resumeHook("approve-17", { ok: Symbol("yes") })',
  "a wait for a hook of no length": 'await resumeHook("approve-17", 1, { wait: "soon" })',
  "the cancellation of a run that has ended":
    "{ const run = await start(short, [1]); await run.returnValue; await run.cancel(); }",
  "a worker with settings that make no sense": "await startWorker({ stepsPerRun: 0 })",
  "a worker with a setting that does not exist": "await startWorker({ concurrency: 10 } as any)",
  "a cancellation with an option that does not exist":
    'await getRun("wrun_01JD0000000000000000000000").cancel({ reason: "enough" } as any)',
} as const;

const app = `import { sleep } from "perdure";
import { getRun, getWorld, resumeHook, start, startWorker } from "perdure/api";
import { outcome } from "./outcome";
import { charge } from "./steps";
import { checkout, short } from "./workflows";
await getWorld();
const calls: Record<string, () => unknown> = {
${Object.entries(calls)
  .map(([name, code]) => `  ${JSON.stringify(name)}: async () => ${code},`)
  .join("\n")}
};
for (const [name, call] of Object.entries(calls)) {
  console.log("## " + name);
  await outcome(call);
}
`;

let project: Project;
let ending: Ending;
let told: ReadonlyMap<string, string>;

beforeAll(async () => {
  project = Project.create({ "app.ts": app, "workflows.ts": workflows, "steps.ts": steps });
  ending = await project.run(["app.ts"]);
  told = new Map(
    ending.out
      .split("## ")
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf("\n")), text.slice(text.indexOf("\n") + 1)]),
  );
});

afterAll(() => project.remove());

describe("what is refused says what was expected and found", () => {
  test("a workflow that is not registered", () => {
    expect(told.get("a workflow that is not registered")).toMatchInlineSnapshot(`
      "WorkflowNotRegisteredError [WORKFLOW_NOT_REGISTERED] .is(): Workflow workflow//workflows.ts//chekout is not registered in this process. Registered: workflow//./workflows//checkout, workflow//./workflows//short.
        hint:  Did you mean workflow//./workflows//checkout? Import the module that defines the workflow before starting it.
      "
    `);
  });

  test("an ordinary function", () => {
    expect(told.get("an ordinary function")).toMatchInlineSnapshot(`
      "InvalidWorkflowFunctionError [INVALID_WORKFLOW_FUNCTION] .is(): start() needs a workflow function and got the ordinary function sendMail.
        hint:  Mark the function with "use workflow", and run the app with \`node --import perdure/register\`.
      "
    `);
  });

  test("a step in the place of a workflow", () => {
    expect(told.get("a step in the place of a workflow")).toMatchInlineSnapshot(`
      "InvalidWorkflowFunctionError [INVALID_WORKFLOW_FUNCTION] .is(): start() needs a workflow function and got the step charge.
        hint:  Mark the function with "use workflow", and run the app with \`node --import perdure/register\`.
      "
    `);
  });

  test("nothing in the place of a workflow", () => {
    expect(told.get("nothing in the place of a workflow")).toMatchInlineSnapshot(`
      "InvalidWorkflowFunctionError [INVALID_WORKFLOW_FUNCTION] .is(): start() needs a workflow function and got undefined.
        hint:  Mark the function with "use workflow", and run the app with \`node --import perdure/register\`.
      "
    `);
  });

  test("a workflow that is called instead of started", () => {
    expect(told.get("a workflow that is called instead of started")).toMatchInlineSnapshot(`
      "WorkflowCalledDirectlyError [WORKFLOW_CALLED_DIRECTLY] .is(): The workflow checkout was called as a function.
        where: workflow checkout
        hint:  Use start(checkout, [...args]) from "perdure/api".
      "
    `);
  });

  test("arguments that are no list", () => {
    expect(told.get("arguments that are no list")).toMatchInlineSnapshot(`
      "InvalidArgumentError [INVALID_ARGUMENT] .is(): start(): the arguments of the workflow must be an array, and is a string.
        hint:  Write start(short, [argument, …], options).
      "
    `);
  });

  test("an option that does not exist", () => {
    expect(told.get("an option that does not exist")).toMatchInlineSnapshot(`
      "InvalidArgumentError [INVALID_ARGUMENT] .is(): start(): an option must be one of "world", "key", "isolation", "tx", and is "kee".
        hint:  Did you mean "key"?
      "
    `);
  });

  test("a key that is no text", () => {
    expect(told.get("a key that is no text")).toMatchInlineSnapshot(`
      "InvalidArgumentError [INVALID_ARGUMENT] .is(): start(): "key" must be a text that is not empty, and is a number.
      "
    `);
  });

  test("an argument that cannot be stored", () => {
    expect(told.get("an argument that cannot be stored")).toMatchInlineSnapshot(`
      "SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the arguments of workflow checkout at [0].items[0].onSold: found function onSold.
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("an instance of a class that cannot be stored", () => {
    expect(told.get("an instance of a class that cannot be stored")).toMatchInlineSnapshot(`
      "SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the arguments of workflow checkout at [0]: found an instance of class Basket.
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("a durable function of workflows outside of one", () => {
    expect(told.get("a durable function of workflows outside of one")).toMatchInlineSnapshot(`
      "NotInWorkflowContextError [NOT_IN_WORKFLOW_CONTEXT] .is(): sleep() works only inside a "use workflow" function.
        hint:  Steps and ordinary code cannot call it; move the call into the workflow function.
      "
    `);
  });

  test("the id of no run", () => {
    expect(told.get("the id of no run")).toMatchInlineSnapshot(`
      "WorkflowRunNotFoundError [RUN_NOT_FOUND] .is(): There is no run order-17.
        hint:  The id of a run is \`wrun_\` and 26 letters and digits, as \`run.runId\` gives it.
      "
    `);
  });

  test("the id of a run that is not in this store", () => {
    expect(told.get("the id of a run that is not in this store")).toMatchInlineSnapshot(`
      "WorkflowRunNotFoundError [RUN_NOT_FOUND] .is(): There is no run wrun_….
        hint:  Check the id, and that this process is configured for the world and the namespace that hold the run.
      "
    `);
  });

  test("a payload for a token that no hook holds", () => {
    expect(told.get("a payload for a token that no hook holds")).toMatchInlineSnapshot(`
      "HookNotFoundError [HOOK_NOT_FOUND] .is(): No hook listens on this token: it was not created yet, was disposed, or its run ended.
        hint:  Resume a hook only after its workflow has created it; resumeHook(token, payload, { wait: '30s' }) waits.
      "
    `);
  });

  test("a payload without a token", () => {
    expect(told.get("a payload without a token")).toMatchInlineSnapshot(`
      "InvalidArgumentError [INVALID_ARGUMENT] .is(): resumeHook(): the hook must be its token as a text, or an object with one, and is undefined.
      "
    `);
  });

  test("a payload that cannot be stored", () => {
    expect(told.get("a payload that cannot be stored")).toMatchInlineSnapshot(`
      "SerializationError [SERIALIZATION_FAILED] .is(): Cannot store the payload of a hook at .ok: found a symbol (Symbol(yes)).
        hint:  Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.
      "
    `);
  });

  test("a wait for a hook of no length", () => {
    expect(told.get("a wait for a hook of no length")).toMatchInlineSnapshot(`
      "InvalidDurationError [INVALID_DURATION] .is(): "soon" is not a duration.
        hint:  Use milliseconds (0 or more), a Date, or text such as "10s", "5m", "2 hours", "1 day".
      "
    `);
  });

  test("the cancellation of a run that has ended", () => {
    expect(told.get("the cancellation of a run that has ended")).toMatchInlineSnapshot(`
      "WorkflowRunEndedError [RUN_ENDED] .is(): The run has already ended: it is completed. Nothing was changed.
        where: run wrun_…
      "
    `);
  });

  test("a worker with settings that make no sense", () => {
    expect(told.get("a worker with settings that make no sense")).toMatchInlineSnapshot(`
      "WorkerSetupError [WORKER_SETUP] .is(): startWorker(): "stepsPerRun" must be a whole number greater than 0, and is 0.
      "
    `);
  });

  test("a worker with a setting that does not exist", () => {
    expect(told.get("a worker with a setting that does not exist")).toMatchInlineSnapshot(`
      "WorkerSetupError [WORKER_SETUP] .is(): startWorker() has no option "concurrency".
        hint:  Known: mode, role, stepsPerWorker, stepsPerRun, queues, claimedRunsMax, residentRunsMax, turnLimitMs, holdMs, sweepMs, leaseMs, stuckAfterMs, world, keepAlive, onError, onConsole, env.
      "
    `);
  });

  test("a cancellation with an option that does not exist", () => {
    expect(told.get("a cancellation with an option that does not exist")).toMatchInlineSnapshot(`
      "InvalidArgumentError [INVALID_ARGUMENT] .is(): cancel(): an option must be one of "cancelReason", and is "reason".
      "
    `);
  });
});

test("the program goes on, and nothing was written but the one run that was started", () => {
  expect([ending.code, ending.err]).toEqual([0, ""]);
  expect([...told.keys()]).toEqual(Object.keys(calls));
  expect(project.log().map(({ type }) => type)).toEqual([1, 2, 3]);
});
