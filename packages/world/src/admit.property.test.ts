/** Random requests against the rules: whatever is asked, what stands in the log is a log that a run could have. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PureRun, snapshot } from "../test/pure-run.ts";
import {
  at,
  cancelled,
  type DecisionDraft,
  hookCreated,
  hookDisposed,
  received,
  reported,
  runCompleted,
  runFailed,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  tokenHash,
  waitCompleted,
} from "./conformance/requests.ts";
import { isDecisionType, isFactType, isTerminalType, type LogEvent, type NewFact } from "./events.ts";
import { nextWake } from "./next-wake.ts";
import { isEnded } from "./run-record.ts";
import { fold } from "./run-view.ts";
import { jobAtWork } from "./step-jobs.ts";

const letter = fc.constantFrom("a", "b");
const small = fc.integer({ min: 1, max: 3 });
const offset = fc.constantFrom(-20_000, -10_000, -1, 0, 1, 50, 10_000, 20_000);

const anyFact = (base: number): fc.Arbitrary<NewFact> =>
  fc.oneof(
    fc.constant(runStarted()),
    fc.tuple(letter, small, small).map(([id, delivery, attempt]) => stepStarted(`step_${id}`, delivery, attempt)),
    fc
      .tuple(letter, small, small)
      .map(([id, attempt, delivery]) => stepCompleted(`step_${id}`, "r", attempt, delivery)),
    fc.tuple(letter, small, small).map(([id, attempt, delivery]) => stepFailed(`step_${id}`, attempt, delivery)),
    fc.tuple(letter, small, offset).map(([id, attempt, ms]) => stepRetrying(`step_${id}`, attempt, base + ms)),
    letter.map((id) => waitCompleted(`wait_${id}`)),
    fc.constantFrom<NewFact>(cancelled().fact, received("hook_a", "p", "k").fact),
  );

const anyDecision = (base: number): fc.Arbitrary<DecisionDraft> =>
  fc.oneof(
    { weight: 4, arbitrary: letter.map((id) => stepCreated(`step_${id}`)) },
    { weight: 2, arbitrary: letter.map((id) => stepCreated(`step_${id}`, "background")) },
    {
      weight: 2,
      arbitrary: fc.tuple(letter, fc.integer({ min: -1, max: 100 })).map(([id, ms]) => sleepFor(`wait_${id}`, ms)),
    },
    { weight: 2, arbitrary: fc.tuple(letter, offset).map(([id, ms]) => sleepUntil(`wait_${id}`, base + ms)) },
    {
      weight: 3,
      arbitrary: fc.tuple(letter, fc.constantFrom("t", "taken")).map(([id, token]) => hookCreated(`hook_${id}`, token)),
    },
    { weight: 3, arbitrary: letter.map((id) => hookDisposed(`hook_${id}`)) },
    { weight: 1, arbitrary: fc.constantFrom(runCompleted(), runFailed()) },
  );

type Act = (pure: PureRun) => unknown;

const base = new PureRun().now;

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .record({
        facts: fc.array(fc.tuple(anyFact(base), offset), { maxLength: 3 }),
        decisions: fc.array(anyDecision(base), { maxLength: 3 }),
        tail: fc.constantFrom("same", "none", "other"),
        release: fc.option(fc.record({ wakeAt: fc.option(offset.map((ms) => base + ms)) })),
        isStale: fc.nat({ max: 9 }).map((value) => value === 0),
        isRepeated: fc.boolean(),
      })
      .map(
        ({ facts, decisions, tail, release, isStale, isRepeated }): Act =>
          (pure) => {
            const ifTail = { same: pure.run.tail, none: null, other: pure.run.tail - 1 }[tail];
            const timed = facts.map(([fact, ms]) => at(pure.now + ms, fact));
            const request = pure.request({ facts: timed, decisions, ifTail, release });
            const sent = isStale ? { ...request, epoch: request.epoch - 1 } : request;
            const verdict = pure.send(sent);
            if (isRepeated && verdict.kind === "admitted") {
              const length = pure.log.length;
              expect(pure.send(sent)).toMatchObject({ kind: "duplicate", last: length });
              expect(pure.log).toHaveLength(length);
            }
            return verdict;
          },
      ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(letter, fc.nat({ max: 5 })).map(
      ([id, key]): Act =>
        (pure) =>
          pure.outside(received(`hook_${id}`, "p", `k${key}`)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(anyFact(base), small, small, fc.nat({ max: 5 })).map(
      ([fact, attempt, delivery, key]): Act =>
        (pure) => {
          const before = pure.view.entityOf("step", fact.correlationId);
          const job = jobAtWork(pure.jobs.get(fact.correlationId ?? ""));
          const verdict = pure.executor(reported(fact, { key: `k${key}`, attempt, delivery }));
          if (verdict.kind !== "admitted") return;
          expect(before?.dispatch === "background" ? job : before).toMatchObject({ attempt, delivery });
          expect(before?.state).not.toBe("done");
          expect(verdict.events).toHaveLength(1);
        },
    ),
  },
  {
    weight: 3,
    arbitrary: letter.map(
      (id): Act =>
        (pure) =>
          pure.take(`step_${id}`, "w"),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Act>((pure) => pure.outside(cancelled())) },
  {
    weight: 3,
    arbitrary: offset.map(
      (ms): Act =>
        (pure) => {
          pure.now += ms;
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constant<Act>((pure) => {
      if (!isEnded(pure.run.status)) pure.claim(`w${pure.run.epoch}`);
    }),
  },
);

/** Runs that have begun, so that random acts meet something. */
const anyRun = fc
  .record({ acts: fc.array(anyAct, { minLength: 1, maxLength: 25 }), isFresh: fc.nat({ max: 4 }).map((n) => n === 0) })
  .map(({ acts, isFresh }) => ({ acts, start: () => (isFresh ? new PureRun() : workingRun()) }));

function workingRun(): PureRun {
  const pure = PureRun.started();
  pure.foreignTokens.set(tokenHash("taken"), "wrun_2");
  pure.must({ decisions: [stepCreated("step_a"), sleepFor("wait_a", 1), hookCreated("hook_a", "t")] });
  return pure;
}

function check(log: readonly LogEvent[]): void {
  let clock = 0;
  const keys = new Set<string>();
  for (const [index, event] of log.entries()) {
    expect(event.position).toBe(index + 1);
    expect(isTerminalType(event.type) && index !== log.length - 1).toBe(false);
    if (isFactType(event.type)) {
      expect(event.at).toBeGreaterThanOrEqual(clock);
      clock = event.at;
    }
    if (isDecisionType(event.type)) {
      const cause = log[(event.cause ?? 0) - 1];
      expect(cause !== undefined && isFactType(cause.type) && cause.position < event.position).toBe(true);
      expect(event.at).toBe(cause?.at);
    }
    if (event.key !== null) {
      expect(keys.has(event.key)).toBe(false);
      keys.add(event.key);
    }
  }
}

/** There is a job for each open background step of a live run, at its attempt, and no other. */
function checkJobs({ run, view, jobs }: PureRun): void {
  const open = [...view.entities()].flatMap(([id, entity]) => {
    const isOpen = entity.kind === "step" && entity.dispatch === "background" && entity.state !== "done";
    return isOpen && !isEnded(run.status) ? [[id, entity.attempt]] : [];
  });
  expect([...jobs.values()].map(({ correlationId, attempt }) => [correlationId, attempt]).toSorted()).toEqual(
    open.toSorted(),
  );
}

test("L1, L4, L6, R6: every act is written in full or leaves no trace, and the log stays a log", () => {
  let written = 0;
  let refused = 0;
  fc.assert(
    fc.property(anyRun, ({ acts, start }) => {
      const pure = start();
      for (const act of acts) {
        const before = { view: snapshot(pure.view), run: pure.run, length: pure.log.length };
        act(pure);
        if (pure.log.length > before.length) written += 1;
        else {
          refused += 1;
          expect(snapshot(pure.view)).toEqual(before.view);
          expect(pure.run.tail).toBe(before.run.tail);
        }
        const folded = fold(pure.log);
        expect(snapshot(folded)).toEqual(snapshot(pure.view));
        expect(pure.run).toMatchObject({ tail: folded.tail, lastAt: folded.lastAt, status: folded.status });
        checkJobs(pure);
        if (isEnded(pure.run.status)) expect(pure.run).toMatchObject({ owner: null, parked: null, wakeAt: null });
        const wake = nextWake(pure.view);
        expect(wake === null || Number.isFinite(wake)).toBe(true);
      }
      check(pure.log);
    }),
    { numRuns: 600 },
  );
  // The generator is only worth something when it meets both.
  expect(written).toBeGreaterThan(200);
  expect(refused).toBeGreaterThan(200);
});

test("a fork that is dropped changes nothing, and forks of any cut absorb to the same fold", () => {
  fc.assert(
    fc.property(anyRun, fc.array(fc.nat({ max: 40 }), { maxLength: 5 }), ({ acts, start }, cuts) => {
      const pure = start();
      for (const act of acts) act(pure);
      const marks = [...new Set([0, ...cuts.filter((cut) => cut < pure.log.length), pure.log.length])];
      marks.sort((a, b) => a - b);
      const view = fold([]);
      for (const [index, mark] of marks.entries()) {
        const part = pure.log.slice(mark, marks[index + 1] ?? mark);
        const before = snapshot(view);
        fold(part, view.fork());
        expect(snapshot(view)).toEqual(before);
        view.absorb(fold(part, view.fork()));
      }
      expect(snapshot(view)).toEqual(snapshot(fold(pure.log)));
    }),
    { numRuns: 200 },
  );
});
