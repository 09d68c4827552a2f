/**
 * The world that this process uses, and its worker if it is one. One per process, even when two copies of this package
 * are installed: it hangs on a registered symbol.
 */
import { ConfigError } from "@perdure/errors";
import type { World } from "@perdure/world";
import type { EngineWorker } from "../worker/worker.ts";

/** Opens the world; called at most once between two `closeWorld` calls. */
export type WorldSource = () => Promise<World>;

interface Runtime {
  source: WorldSource | null;
  world: Promise<World> | null;
  readonly workers: Map<World, EngineWorker>;
}

const runtimeKey = Symbol.for("perdure/runtime@1");

function runtime(): Runtime {
  const holder = globalThis as { [runtimeKey]?: Runtime };
  holder[runtimeKey] ??= { source: null, world: null, workers: new Map() };
  return holder[runtimeKey];
}

/** Says how to open the world of this process. A world that is open already is kept until `closeWorld`. */
export function configureWorld(source: WorldSource): void {
  runtime().source = source;
}

/** True when somebody has said how to open the world. */
export const isWorldConfigured = (): boolean => runtime().source !== null;

/** The world of this process, opened on first use. Throws `ConfigError` when none is configured. */
export function getWorld(): Promise<World> {
  const state = runtime();
  if (state.world !== null) return state.world;
  if (state.source === null) {
    return Promise.reject(
      new ConfigError("No world is configured in this process.", {
        hint: "Run the app with `node --import perdure/register`, or call configure({ world }) from perdure/config.",
      }),
    );
  }
  const opening = state.source();
  state.world = opening;
  opening.catch(() => {
    if (state.world === opening) state.world = null;
  });
  return opening;
}

/** Closes the world of this process, if it is open. The next use opens it again. */
export async function closeWorld(): Promise<void> {
  const state = runtime();
  const { world } = state;
  state.world = null;
  if (world !== null) await (await world).close();
}

/** The given world, or the configured one. */
export const worldOf = (world?: World): Promise<World> => (world === undefined ? getWorld() : Promise.resolve(world));

/** The worker of this process for a world, or null. */
export const currentWorker = (world: World): EngineWorker | null => runtime().workers.get(world) ?? null;

export function setCurrentWorker(world: World, worker: EngineWorker | null): void {
  if (worker === null) runtime().workers.delete(world);
  else runtime().workers.set(world, worker);
}
