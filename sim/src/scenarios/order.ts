/** In what order results reach workflow code, and what a replay makes of it. */
import type { LogEvent } from "@perdure/world";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

/** Large enough that reading it takes long, small enough to be stored. */
const large = Array.from({ length: 2_000 }, (_, index) => ({ index, text: `entry ${index}` }));

export const scenarios: readonly Scenario[] = [
  {
    of: "hydration order",
    title: "R2, R3: how long a result takes to be read does not decide the order",
    mutant: {
      breaks: "the realm comes to rest between two facts",
      always: true,
      edits: [
        {
          file: "packages/core/src/replay/delivery.ts",
          find: "    realm.drain();\n",
          replace: '    if (delivery.fact.type === "run_started" || delivery === deliveries.at(-1)) realm.drain();\n',
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const order = [];
          const branch = async (name, hops) => {
            const read = await step(name)();
            for (let hop = 0; hop < hops; hop++) await null;
            order.push(name);
            await step("after")(name, read.length);
          };
          await Promise.all([branch("large", 8), branch("small", 0)]);
          return order;
        }`,
        steps: { large: value(large, 20), small: value("x", 21), after: value(null, 5) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("both results are in the log", () => stage.hasEvent(runId, "step_completed", 2));
      // Cold: another process reads the whole log at once.
      one.crash();
      await stage.process("two");
      stage.equal(await stage.result(runId), ["large", "small"], "order of the branches");
      stage.equal(calls(stage, runId), ["large", "small", "after", "after"], "steps by position");
      const [, , first] = stage.log(runId).filter(({ type }) => type === "step_created");
      const result = stage.log(runId).find(({ type }) => type === "step_completed");
      stage.equal(first?.cause, result?.position, "what the first branch went on from");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "ordinals by prefix",
    title: "R3, D2: an ordinal means the same call in every replay, whatever prefix a driver had read",
    mutant: {
      breaks: "what was delivered before the tail moved is thrown away",
      edits: [
        {
          file: "packages/core/src/run/run-machine.ts",
          find: "        this.#safe = true;\n        return this.#rebuild();\n",
          replace: "        this.#safe = true;\n        return this.#load();\n",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "news" });
          const work = step("work");
          const told = hook.then((payload) => work(payload));
          const looked = step("look")().then((found) => work(found));
          return await Promise.all([told, looked]);
        }`,
        steps: {
          look: value("looked", 50),
          work: ({ args: [what] }) => ({ kind: "value", value: `worked on ${what}`, latencyMs: 10 }),
        },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      // The payload is written after the driver has delivered the result of `look`, and before it has written it.
      let sent: Promise<unknown> = Promise.resolve();
      stage.when({ probe: "append.speculative:sent", by: "one", incident: "delay" });
      stage.when({
        probe: "append.speculative:sent",
        by: "one",
        incident: () => {
          sent = stage.send("news", "told", "news-1");
        },
      });
      stage.equal(await stage.result(runId), ["worked on told", "worked on looked"], "results");
      await sent;
      stage.equal(
        stage
          .log(runId)
          .flatMap((event) => (event.type === "step_created" ? [[event.data.name, event.data.ordinal]] : [])),
        [
          ["look", 1],
          ["work", 1],
          ["work", 2],
        ],
        "calls by ordinal",
      );
      const received = stage.log(runId).find(({ type }) => type === "hook_received");
      const firstWork = stage.log(runId).filter(({ type }) => type === "step_created")[1];
      stage.equal(firstWork?.cause, received?.position, "what the first call of `work` followed from");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "hook against sleep",
    title: "R2: a hook and a sleep race by their places in the log, also when the payload comes as the sleep ends",
    mutant: {
      breaks: "the store compares the tail of an append that was delivered before it was written",
      always: true,
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: "request.ifTail !== null && request.ifTail !== run.tail",
          replace: "request.ifTail !== null && request.ifTail > run.tail",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "answer" });
          return await Promise.race([hook, sleep(1000).then(() => "nobody answered")]);
        }`,
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      const sleeping = stage.log(runId).find((event) => event.type === "wait_created");
      // Written just before the sleep is due, so that its driver has not heard of it when it ends the sleep.
      await stage.runFor((sleeping?.data.resumeAt ?? 0) - 4 - stage.store.now());
      const sent = stage.send("answer", "an answer", "answer-1");
      stage.equal(await stage.result(runId), "an answer", "the winner");
      await sent;
      stage.judge();
      stage.close();
    },
  },
  {
    of: "clock on read",
    title: "R6: the clock of workflow code is that of the fact it is told of, not of the newest one that was read",
    mutant: {
      breaks: "each fact is delivered with its own clock",
      edits: [
        {
          file: "packages/core/src/replay/delivery.ts",
          find: "    const result = deliverOne(realm, execution, workflowId, delivery);",
          replace: `    const { at } = deliveries.at(-1)!.fact;
    const result = deliverOne(realm, execution, workflowId, { ...delivery, fact: { ...delivery.fact, at } });`,
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const start = Date.now();
          const seen = [];
          const slow = step("slow")().then(() => "slow");
          const pause = sleep(100).then(() => "pause");
          seen.push([await Promise.race([slow, pause]), Date.now() - start]);
          await slow;
          seen.push(["slow", Date.now() - start]);
          await sleep(20_000);
          return [...seen, Date.now() - start];
        }`,
        steps: { slow: value("slow", 900) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the long sleep", () => stage.hasEvent(runId, "wait_created", 2));
      one.crash();
      await stage.process("two");
      const result = await stage.result(runId);
      const atOf = (type: string, nth = 0): number =>
        stage.log(runId).filter((event) => event.type === type)[nth]?.at ?? 0;
      const start = atOf("run_started");
      const expected = [
        ["pause", atOf("wait_completed") - start],
        ["slow", atOf("step_completed") - start],
        atOf("wait_completed", 1) - start,
      ];
      stage.equal(result, expected, "what the code read from its clock");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "silent swap",
    title: "R4: two calls of one step that have changed places are a divergence, and the run is parked and not failed",
    mutant: {
      breaks: "the arguments of a step are compared, and not its name alone",
      edits: [
        {
          file: "packages/core/src/replay/planned-decision.ts",
          find: "return event.data.inputDigest === data.inputDigest ? null :",
          replace: "return event.data.name === data.name ? null :",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const work = step("work");
          const results = await Promise.all([work("a"), work("b")]);
          await sleep(20_000);
          return results;
        }`,
        steps: { work: ({ args: [what] }) => ({ kind: "value", value: `worked on ${what}`, latencyMs: 10 }) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      await stage.until("the sleep", () => stage.hasEvent(runId, "wait_created"));
      one.crash();
      const restore = swapCalls(stage, runId);
      await stage.process("two");
      await stage.settled(runId);
      const { parked, status } = stage.record(runId);
      stage.equal([status, parked?.reason, parked?.position], ["running", "diverged", 3], "what became of the run");
      // Nothing of it is lost: with its log put right it goes on.
      restore();
      await stage.store.connect().unpark(runId);
      stage.equal(await stage.result(runId), ["worked on a", "worked on b"], "the result");
      stage.judge();
      stage.close();
    },
  },
];

/** The log as it were if the two first calls had been made in the other order. Returns the way to put it right. */
function swapCalls(stage: Stage, runId: string): () => void {
  const events = stage.store.run(runId)?.events ?? [];
  const before = [...events];
  const places = events.flatMap(({ type }, index) => (type === "step_created" ? [index] : []));
  const [a = 0, b = 0] = places;
  const [first, second] = [before[a] as LogEvent<"step_created">, before[b] as LogEvent<"step_created">];
  const withArguments = (call: LogEvent<"step_created">, { data, payload }: LogEvent<"step_created">): LogEvent => ({
    ...call,
    data: { ...call.data, inputDigest: data.inputDigest },
    payload,
  });
  events[a] = withArguments(first, second);
  events[b] = withArguments(second, first);
  return () => void events.splice(0, events.length, ...before);
}

/** Names of the steps that were called, by position. */
function calls(stage: Stage, runId: string): readonly string[] {
  return stage.log(runId).flatMap((event) => (event.type === "step_created" ? [event.data.name] : []));
}
