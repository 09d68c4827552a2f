/** Where a worker is killed, and how often each place has its turn. */
import { randomFrom } from "./mix.ts";

/**
 * The named points. `…-in-flight`: another thread kills while the event loop is inside the store's commit. `…-unanswered`: the
 * write is durable and the engine has not been told.
 */
export const points = [
  "before-create",
  "create-in-flight",
  "create-unanswered",
  "before-append",
  "append-in-flight",
  "append-unanswered",
  "after-claim",
  "before-release",
  "in-step-body",
  "after-step-body",
  "in-heartbeat",
] as const;

export type Point = (typeof points)[number];

/** A worker kills itself when it comes to a point for the `nth` time. `fraction` chooses the moment where one has a length. */
interface NamedKill {
  readonly kind: "named";
  readonly point: Point;
  readonly nth: number;
  readonly fraction: number;
}

/**
 * The controller kills the worker this many milliseconds after it was told to work, or, with `afterProgress`, after each run that was
 * live then has moved on.
 */
interface TimedKill {
  readonly kind: "timed";
  readonly afterMs: number;
  readonly afterProgress: boolean;
}

export type Kill = NamedKill | TimedKill;

/** The share of kills at any moment among those that do not wait for progress; the rest is at named points. */
const timedShare = 0.25;

/**
 * Each so many kills, one waits for progress. The engine parks a run over which five workers have died without any, and gives a step
 * up that was lost ten times; on a machine that is busy with other work, both would come to pass now and then.
 */
const progressEvery = 5;

/** The longest life of a worker that is killed at any moment, in milliseconds. */
const lifeMsMax = 900;

/** How often a point has its turn among the named ones, and up to which count it is let pass. */
const weights: Readonly<Record<Point, { readonly share: number; readonly nthMax: number }>> = {
  "before-create": { share: 4, nthMax: 3 },
  "create-in-flight": { share: 8, nthMax: 3 },
  "create-unanswered": { share: 4, nthMax: 3 },
  "before-append": { share: 8, nthMax: 40 },
  "append-in-flight": { share: 36, nthMax: 40 },
  "append-unanswered": { share: 12, nthMax: 40 },
  "after-claim": { share: 5, nthMax: 3 },
  "before-release": { share: 6, nthMax: 8 },
  "in-step-body": { share: 8, nthMax: 40 },
  "after-step-body": { share: 8, nthMax: 40 },
  "in-heartbeat": { share: 5, nthMax: 6 },
};

/** As many kills as asked for: every point at least once as soon as there are that many, the rest by chance. */
export function killPlan(count: number, seed: number): readonly Kill[] {
  const random = randomFrom(seed);
  const patientCount = Math.floor(count / progressEvery);
  const kills: Kill[] = points.slice(0, count - patientCount).map((point) => namedKill(point, random));
  while (kills.length < count - patientCount) {
    kills.push(random() < timedShare ? timedKill(false, random) : namedKill(drawn(random), random));
  }
  const order = new Map(kills.map((kill) => [kill, random()]));
  kills.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
  for (let index = progressEvery - 1; index < count; index += progressEvery)
    kills.splice(index, 0, timedKill(true, random));
  return kills;
}

function timedKill(afterProgress: boolean, random: () => number): TimedKill {
  return { kind: "timed", afterMs: Math.round(random() * lifeMsMax), afterProgress };
}

function namedKill(point: Point, random: () => number): NamedKill {
  return { kind: "named", point, nth: 1 + Math.floor(random() * weights[point].nthMax), fraction: random() };
}

function drawn(random: () => number): Point {
  const total = points.reduce((sum, point) => sum + weights[point].share, 0);
  let left = random() * total;
  for (const point of points) {
    left -= weights[point].share;
    if (left < 0) return point;
  }
  return "append-in-flight";
}
