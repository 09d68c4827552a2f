/** Payloads for hooks: acknowledged, in the log, once, and never after the end. */
import { tokenHash } from "@perdure/core/simulation";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage/stage.ts";
import { value } from "./stage/written-program.ts";

export const scenarios: readonly Scenario[] = [
  {
    of: "resume after disposal",
    title: "H2: a payload that is sent again because its answer was lost arrives once, and another one as itself",
    mutant: {
      breaks: "an outside append is recognised by its key",
      always: true,
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: "  if (context.writtenBefore !== null) {",
          replace: "  if (context.writtenBefore !== null && context.writtenBefore < 0) {",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          const got = [await hook, await hook];
          await sleep(5_000);
          return got;
        }`,
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      const client = stage.client();
      stage.when({ probe: "append.payload:applied", by: client.name, incident: "lost answer" });
      const first = stage.send("inbox", "first", "key-1", client);
      const lost = await stage.answerTo("the answer to the first payload", () =>
        first.then(
          () => false,
          () => true,
        ),
      );
      stage.equal(lost, true, "the answer was lost");
      const again = await stage.answerTo("the payload again", () => stage.send("inbox", "first", "key-1", client));
      const other = await stage.answerTo("another payload", () => stage.send("inbox", "second", "key-2"));
      stage.equal([again?.kind, other?.kind], ["appended", "appended"], "answers");
      stage.equal(await stage.result(runId), ["first", "second"], "payloads in order");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "resume after disposal",
    title: "H4: after a hook was disposed of no payload is accepted or written",
    mutant: {
      breaks: "only an open hook receives payloads",
      edits: [
        {
          file: "packages/world/src/event-rules.ts",
          find: 'return hookState(view, event) === "open" ? null : "only an open hook receives payloads";',
          replace: "return null;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          const got = await hook;
          hook.dispose();
          await step("work")();
          return got;
        }`,
        steps: { work: value(null, 5_000) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      // Two senders have found the hook; the second one's payload comes when the first one's has led to the disposal.
      const late = stage.client();
      stage.when({ probe: "append.payload:sent", by: late.name, incident: "delay" });
      const onTime = stage.send("inbox", "on time", "key-1");
      const tooLate = stage.send("inbox", "too late", "key-2", late);
      const kinds = await stage.answerTo("both payloads", async () => [(await onTime)?.kind, (await tooLate)?.kind]);
      stage.equal(kinds, ["appended", "refused"], "what the senders were told");
      stage.equal(await stage.result(runId), "on time", "the result");
      stage.equal(stage.types(runId).filter((type) => type === "hook_received").length, 1, "payloads in the log");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "resume at the end",
    title:
      "H1: a payload that was acknowledged stands before the end of the run, and after the end none is acknowledged",
    mutant: {
      breaks: "nothing follows a terminal event: the admission of outside appends, and the rule behind it",
      edits: [
        {
          file: "packages/world/src/admit.ts",
          find: `  if (isEnded(run.status)) return refused({ kind: "terminal" });
  const batch = new Batch(run, view, context, { epoch: null, key: request.key, ...reported });`,
          replace: "  const batch = new Batch(run, view, context, { epoch: null, key: request.key, ...reported });",
        },
        {
          file: "packages/world/src/event-rules.ts",
          find: '  if (isEnded(view.status)) return "nothing follows a terminal event";',
          replace: "",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          await step("work")();
          return "done";
        }`,
        steps: { work: value(null, 50) },
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      // The code has ended, and its end is on its way to the store.
      const [early, late] = [stage.client(), stage.client()];
      stage.when({ probe: "append.speculative:sent", by: "one", incident: "delay" });
      const sent: Promise<string | undefined>[] = [];
      stage.when({
        probe: "append.speculative:sent",
        by: "one",
        incident: () => {
          const kindOf = async (answer: ReturnType<Stage["send"]>) => (await answer)?.kind;
          sent.push(kindOf(stage.send("inbox", "early", "key-1", early)));
          // It finds the hook while the run lives, and its payload comes when the run has ended.
          stage.when({ probe: "append.payload:sent", by: late.name, incident: "delay" });
          const looking = Promise.withResolvers<void>();
          stage.scheduler.after(396, late, looking.resolve);
          sent.push(looking.promise.then(() => kindOf(stage.send("inbox", "late", "key-2", late))));
        },
      });
      stage.equal(await stage.result(runId), "done", "the result");
      const kinds = await stage.answerTo("both payloads", () => Promise.all(sent));
      stage.equal(kinds, ["appended", "refused"], "what the senders were told");
      stage.equal(
        stage.types(runId).slice(-3),
        ["hook_received", "step_completed", "run_completed"],
        "the end of the log",
      );
      stage.judge();
      stage.close();
    },
  },
  {
    of: "hook against sleep",
    title:
      "R2, H2: payloads that come between the rounds of a race with a sleep are taken one a round, and none is lost",
    mutant: {
      breaks: "all who wait for a hook share one promise",
      edits: [
        {
          file: "packages/core/src/realm/guest/hook.ts",
          find: "    if (this.#next === null) {\n      this.#next = Promise.withResolvers",
          replace: "    {\n      this.#next = Promise.withResolvers",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook({ token: "inbox" });
          const got = [];
          const asked = hook.then((payload) => payload);
          for (let round = 0; round < 12 && got.length < 3; round++) {
            const winner = await Promise.race([hook, sleep(100).then(() => null)]);
            if (winner !== null) got.push(winner);
          }
          return [await asked, ...got];
        }`,
      });
      const one = await stage.process("one");
      const runId = await stage.start(one);
      for (const name of ["first", "second", "third"]) {
        await stage.runFor(250);
        await stage.answerTo(name, () => stage.send("inbox", name, `key-${name}`));
      }
      stage.equal(await stage.result(runId), ["first", "first", "second", "third"], "payloads");
      stage.judge();
      stage.close();
    },
  },
  {
    of: "open routes",
    title: "H7, E2: a token is nobody's to guess, and the store holds its digest alone",
    mutant: {
      breaks: "the store is told the digest of a token",
      edits: [
        {
          file: "packages/core/src/replay/correlation-id.ts",
          find: 'return hash("sha256", token, "hex");',
          replace: "return token;",
        },
      ],
    },
    async play() {
      const stage = new Stage({
        workflow: `async () => {
          const hook = createHook();
          const note = await step("tell")(hook.token);
          await hook;
          return hook.token;
        }`,
        steps: { tell: value(null, 10) },
      });
      const one = await stage.process("one");
      const runs = [await stage.start(one), await stage.start(one)];
      const tokens: unknown[] = [];
      for (const runId of runs) {
        const created = stage.log(runId).find((event) => event.type === "hook_created");
        await stage.until("the step", () => stage.hasEvent(runId, "step_completed"));
        const [token] = stage.argumentsOf(runId, "tell");
        stage.equal(typeof token === "string" && /^[0-9A-HJKMNP-TV-Z]{26}$/.test(token), true, "130 random bits");
        stage.equal(created?.data.tokenHash, tokenHash(String(token)), "what the log holds");
        const rows = JSON.stringify([
          stage.record(runId),
          stage.log(runId).map(({ payload: _payload, ...rest }) => rest),
        ]);
        stage.equal(rows.includes(String(token)), false, "the token stands in the row or in an event");
        tokens.push(token);
        await stage.answerTo("the payload", () => stage.send(String(token), null, "key"));
        stage.equal(await stage.result(runId), token, "the result");
      }
      stage.equal(new Set(tokens).size, 2, "two runs, two tokens");
      stage.judge();
      stage.close();
    },
  },
];
