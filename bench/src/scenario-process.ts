/**
 * The process of one scenario: started by scenario-fork.ts with `--import perdure/register`, as a user's program would be.
 *
 * It owns the floor, the profiles and the way back to the parent. The worker and the runs are the scenario's, through the
 * public API.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { invariant } from "@perdure/errors";
import { postgresWorld } from "@perdure/world-postgres";
import { closeWorld } from "perdure/api";
import { configure, localWorld, type WorldFactory } from "perdure/config";
import type { Floor } from "./floor.ts";
import { PostgresFloor } from "./postgres-floor.ts";
import { profiled } from "./profile.ts";
import type { Round } from "./rounds.ts";
import type { ScenarioContext, ScenarioModule, ScenarioOrder, ScenarioPart } from "./scenario.ts";
import { endMessage, forkScenario, type ScenarioMessage } from "./scenario-fork.ts";
import { SqliteFloor } from "./sqlite-floor.ts";

const loaders: Readonly<Record<string, () => Promise<ScenarioModule>>> = {
  bytes: () => import("./scenarios/bytes.ts"),
  "cold-replay": () => import("./scenarios/cold-replay.ts"),
  guard: () => import("./scenarios/guard.ts"),
  idle: () => import("./scenarios/idle.ts"),
  latency: () => import("./scenarios/latency.ts"),
  memory: () => import("./scenarios/memory.ts"),
  parallel: () => import("./scenarios/parallel.ts"),
  sequential: () => import("./scenarios/sequential.ts"),
  sleep: () => import("./scenarios/sleep.ts"),
  sleeping: () => import("./scenarios/sleeping.ts"),
  throughput: () => import("./scenarios/throughput.ts"),
  "to-result": () => import("./scenarios/to-result.ts"),
  transport: () => import("./scenarios/transport.ts"),
};

async function main(order: ScenarioOrder): Promise<void> {
  const load = loaders[order.family];
  invariant(load !== undefined, `Scenario ${order.scenario} has no code.`);
  mkdirSync(order.directory, { recursive: true });
  const { world, openFloor } = storeOf(order);
  configure({ world });
  const module = await load();
  const floor = await openFloor();
  await module.run(contextOf(order, floor));
  await floor.close();
  await closeWorld();
  process.disconnect();
}

interface BenchStore {
  readonly world: WorldFactory;
  readonly openFloor: () => Floor | Promise<Floor>;
}

function storeOf({ database, directory }: ScenarioOrder): BenchStore {
  return database === null
    ? { world: localWorld({ path: join(directory, "store.db") }), openFloor: () => new SqliteFloor(directory) }
    : { world: postgresWorld({ url: database.url }), openFloor: () => PostgresFloor.open(database.url) };
}

function contextOf(order: ScenarioOrder, floor: Floor): ScenarioContext {
  return {
    order,
    floor,
    report: (measurement) => send({ measurement }),
    answer: (round) => send({ round }),
    serve,
    timed: (label, work) => timed(order, label, work),
    runPart: (part) => runPart(order, part),
    startPart: (part) => startPart(order, part),
  };
}

function send(message: ScenarioMessage): void {
  invariant(process.send !== undefined, "A scenario runs in a process that was forked for it.");
  process.send(message);
}

async function serve(): Promise<void> {
  const told = new Promise<void>((resolve) => {
    process.on("message", (message) => {
      if (message === endMessage) resolve();
    });
  });
  send({ serving: true });
  await told;
}

const orderOf = (order: ScenarioOrder, part: ScenarioPart): ScenarioOrder => ({
  ...order,
  directory: part.directory,
  part,
});

async function runPart(order: ScenarioOrder, part: ScenarioPart): Promise<Round> {
  const rounds: Round[] = [];
  const { ended } = forkScenario(orderOf(order, part), (message) => {
    if ("round" in message) rounds.push(message.round);
  });
  await ended;
  const [round] = rounds;
  invariant(round !== undefined, `Part ${part.name} of ${order.scenario} ended without an answer.`);
  return round;
}

async function startPart(order: ScenarioOrder, part: ScenarioPart): Promise<() => Promise<void>> {
  const serving = Promise.withResolvers<void>();
  const { ended, end } = forkScenario(orderOf(order, part), (message) => {
    if ("serving" in message) serving.resolve();
  });
  await Promise.race([serving.promise, ended]);
  return async () => {
    end();
    await ended;
  };
}

async function timed({ scenario, profiles }: ScenarioOrder, label: string, work: () => Promise<void>): Promise<number> {
  const measure = async (): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  return profiles === null
    ? await measure()
    : await profiled(join(profiles, `${scenario}-${label}.cpuprofile`), measure);
}

await main(JSON.parse(process.argv[2] ?? "null") as ScenarioOrder);
