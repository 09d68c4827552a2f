/**
 * The process of one scenario: started by scenario-fork.ts with `--import perdure/register`, as a user's program would be.
 *
 * It owns the floor's file, the profiles and the way back to the parent. The store, the worker and the runs are the
 * scenario's, through the public API.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { invariant } from "@perdure/errors";
import { closeWorld } from "perdure/api";
import { configure, localWorld } from "perdure/config";
import { Floor } from "./floor.ts";
import { profiled } from "./profile.ts";
import type { Round } from "./rounds.ts";
import type { ScenarioContext, ScenarioModule, ScenarioOrder, ScenarioPart } from "./scenario.ts";
import { forkScenario, type ScenarioMessage } from "./scenario-fork.ts";
import { localScenario } from "./suites/local/catalogue.ts";

const loaders: Readonly<Record<string, () => Promise<ScenarioModule>>> = {
  "cold-replay": () => import("./suites/local/cold-replay.ts"),
  guard: () => import("./suites/local/guard.ts"),
  latency: () => import("./suites/local/latency.ts"),
  memory: () => import("./suites/local/memory.ts"),
  parallel: () => import("./suites/local/parallel.ts"),
  sequential: () => import("./suites/local/sequential.ts"),
  sleep: () => import("./suites/local/sleep.ts"),
  throughput: () => import("./suites/local/throughput.ts"),
};

async function main(order: ScenarioOrder): Promise<void> {
  const load = loaders[localScenario(order.scenario).family];
  invariant(load !== undefined, `Scenario ${order.scenario} has no code.`);
  mkdirSync(order.directory, { recursive: true });
  configure({ world: localWorld({ path: join(order.directory, "store.db") }) });
  const module = await load();
  const floor = new Floor(order.directory);
  await module.run(contextOf(order, floor));
  floor.close();
  await closeWorld();
  process.disconnect();
}

function contextOf(order: ScenarioOrder, floor: Floor): ScenarioContext {
  return {
    order,
    floor,
    report: (measurement) => send({ measurement }),
    answer: (round) => send({ round }),
    timed: (label, work) => timed(order, label, work),
    runPart: (part) => runPart(order, part),
  };
}

function send(message: ScenarioMessage): void {
  invariant(process.send !== undefined, "A scenario runs in a process that was forked for it.");
  process.send(message);
}

async function runPart(order: ScenarioOrder, part: ScenarioPart): Promise<Round> {
  const rounds: Round[] = [];
  await forkScenario({ ...order, directory: part.directory, part }, (message) => {
    if ("round" in message) rounds.push(message.round);
  });
  const [round] = rounds;
  invariant(round !== undefined, `Part ${part.name} of ${order.scenario} ended without an answer.`);
  return round;
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
