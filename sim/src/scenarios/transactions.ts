/** Steps that commit what they write together with their result: once, whoever else starts them and whatever is not answered. */
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

const rules = "packages/world/src/event-rules.ts";

/** The deliveries whose writes were committed, and those whose results the log has of executors. */
function expectCommitted(stage: Stage, runId: string, deliveries: readonly number[]): void {
  const recorded = stage
    .log(runId)
    .flatMap((event) => (event.type === "step_completed" && event.epoch === null ? [event.data.delivery] : []));
  stage.equal(recorded, deliveries, "deliveries that were recorded");
  stage.equal(
    stage.network.commits.map(({ delivery }) => delivery),
    deliveries,
    "deliveries that were committed",
  );
}

export const scenarios: readonly Scenario[] = [
  {
    of: "step started twice",
    title: "S1, S4: of two deliveries of a transactional step one is committed, also when the lost one ends first",
    mutant: {
      breaks: "an executor reports on the current start of a step",
      always: true,
      edits: [
        { file: rules, find: "  } else if (!isSameStart(current, context.start)) return otherStart;", replace: "  }" },
        {
          file: rules,
          find: "  return isSameStart(current, event.data) ? null : otherStart;",
          replace: "  return null;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => await step("body")()`,
        transactional: ["body"],
        steps: {
          body: ({ body }) => ({ kind: "value", value: `by ${body.process.name}`, latencyMs: 6_000 }),
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.runFor(100);
      // It stands still while its body runs; the body ends soon after it goes on, before that of the other.
      one.pause(7_000);
      await stage.process("two");
      stage.equal(await stage.result(runId), "by two", "the result");
      await stage.runFor(20_000);
      expectCommitted(stage, runId, [2]);
      stage.judge();
      stage.close();
    },
  },
  {
    of: "transient failure",
    title:
      "S1, D3: a commit whose answer is lost is in the log, and the attempt that is reported as failed is not taken",
    mutant: {
      breaks: "a step that has its result takes no other fact",
      always: true,
      edits: [{ file: rules, find: '  if (step.state === "done") return "the step has its result";', replace: "" }],
    },
    async play() {
      for (const compareAndAppend of [true, false]) {
        const stage = new Stage(
          {
            workflow: `async () => [await step("body")(), await step("after")()]`,
            transactional: ["body"],
            steps: { body: value("once", 50), after: value("after", 50) },
          },
          { compareAndAppend },
        );
        stage.when({ probe: "append.result:applied", by: "one", incident: "lost answer" });
        const runId = await stage.start(await stage.process("one"));
        stage.equal(await stage.result(runId), ["once", "after"], "the result");
        stage.equal(stage.hasEvent(runId, "step_retrying"), false, "a retry");
        expectCommitted(stage, runId, [1]);
        stage.judge();
        stage.close();
      }
    },
  },
  {
    of: "resume at the end",
    title: "X2: a transactional step whose run was cancelled while it worked is not committed",
    mutant: {
      breaks: "nothing follows a terminal event, in both places",
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: `  if (isEnded(run.status)) return refused({ kind: "terminal" });
  const batch = new Batch(run, view, context, { epoch: null, key: request.key, ...reported });`,
          replace: "  const batch = new Batch(run, view, context, { epoch: null, key: request.key, ...reported });",
        },
        {
          file: rules,
          find: '  if (isEnded(view.status)) return "nothing follows a terminal event";',
          replace: "",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => await step("body")()`,
        transactional: ["body"],
        steps: { body: value("never", 5_000) },
      });
      const runId = await stage.start(await stage.process("one"));
      await stage.runFor(100);
      await stage.answerTo("a cancellation", () => stage.cancel(runId));
      await stage.runFor(20_000);
      stage.equal(stage.record(runId).status, "cancelled", "the status");
      expectCommitted(stage, runId, []);
      stage.judge();
      stage.close();
    },
  },
];
