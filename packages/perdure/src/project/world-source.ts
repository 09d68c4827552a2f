/**
 * Which world this process works with: the one that is named by `PERDURE_WORLD` or the command line, else the one given to `configure`, else the one of `perdure.config.*`, else SQLite in
 * `.perdure/perdure.db` beside the project's package.json.
 *
 * Owns: that choice, made once per process, at the first use of the world. Does not own: opening it once and closing it, which is
 * the engine's part (`getWorld`, `closeWorld`).
 */
import type { WorldName } from "@perdure/cli";
import { configureWorld } from "@perdure/core";
import { ConfigError, PerdureError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { checkConfiguration, type PerdureConfiguration } from "./configuration.ts";
import { findConfiguration, loadConfiguration } from "./configuration-file.ts";
import { worldVariable } from "./environment.ts";
import { namedWorld, openLocalWorld } from "./named-world.ts";
import { projectRoot } from "./project-root.ts";

interface WorldChoice {
  /** What `configure` was given. */
  explicit: PerdureConfiguration | null;
  /** What `nameWorld` was given. */
  named: WorldName | null;
  /** What holds for this process, once it was needed. */
  settled: Promise<PerdureConfiguration> | null;
  readonly listeners: Set<() => void>;
}

const choiceKey = Symbol.for("perdure/world-choice@1");

/** One per process, even when two copies of this package are installed. */
function choice(): WorldChoice {
  const holder = globalThis as { [choiceKey]?: WorldChoice };
  if (holder[choiceKey] === undefined) {
    holder[choiceKey] = { explicit: null, named: null, settled: null, listeners: new Set() };
    configureWorld(openConfiguredWorld);
  }
  return holder[choiceKey];
}

choice();

/**
 * Configures this process in code, for programs that cannot load a configuration file, such as bundled servers. It wins over the
 * file, and `PERDURE_WORLD` over it. Throws `ConfigError` when the world is already in use.
 */
export function configure(configuration: PerdureConfiguration): void {
  const current = choice();
  if (current.settled !== null) {
    throw new ConfigError("configure() came too late: this process already uses its world.", {
      hint: "Call it before the first start(), getRun() or startWorker(), or use a perdure.config.ts.",
    });
  }
  current.explicit = checkConfiguration(configuration, "configure()");
}

/** Names the world of this process, whatever the configuration says of it. To be called before the world is used. */
export function nameWorld(name: WorldName): void {
  choice().named = name;
}

/** The configuration of this process. The first call settles it. */
export function processConfiguration(): Promise<PerdureConfiguration> {
  const current = choice();
  if (current.settled === null) {
    current.settled = settle(current);
    for (const listener of current.listeners) listener();
  }
  return current.settled;
}

/** Calls back when the configuration is settled, which is when the world is first used. */
export function onConfigurationSettled(listener: () => void): void {
  choice().listeners.add(listener);
}

async function settle({ explicit, named }: WorldChoice): Promise<PerdureConfiguration> {
  const name = named ?? worldVariable();
  const configuration = explicit ?? (await readConfiguration());
  if (name === null) return configuration;
  const site = { root: projectRoot(process.cwd()), namespace: configuration.namespace };
  return { ...configuration, world: await namedWorld(name, site) };
}

async function readConfiguration(): Promise<PerdureConfiguration> {
  const cwd = process.cwd();
  const root = projectRoot(cwd);
  const file = findConfiguration(cwd, root);
  return file === null ? {} : await loadConfiguration(file, root);
}

/** Opens the world that the configuration names. */
async function openConfiguredWorld(): Promise<World> {
  const { world, namespace } = await processConfiguration();
  const opened =
    world === undefined
      ? await openLocalWorld({ root: projectRoot(process.cwd()), namespace })
      : await openGivenWorld(world);
  if (namespace === undefined) return opened;
  const found = (await opened.describe()).namespace;
  if (found === namespace) return opened;
  await opened.close();
  throw new ConfigError(`The configuration names the namespace "${namespace}", and its world has "${found}".`, {
    hint: "Give the namespace to the world, and leave it out beside it.",
  });
}

async function openGivenWorld(open: NonNullable<PerdureConfiguration["world"]>): Promise<World> {
  let world: World;
  try {
    world = await open();
  } catch (cause) {
    // An error of a world already says where the store is and what to do.
    if (PerdureError.is(cause)) throw cause;
    const text = cause instanceof Error ? `${cause.name}: ${cause.message.split("\n", 1)[0] ?? ""}` : String(cause);
    throw new ConfigError(`The configuration's "world" threw while it was opened: ${text}`, {
      hint: "The cause is kept; check the address and the credentials that the world is given.",
      cause,
    });
  }
  if (isWorld(world)) return world;
  throw new ConfigError('The configuration\'s "world" did not return a world.', {
    hint: "Return what createLocalWorld() resolves to, or write `world: localWorld({ … })`.",
  });
}

function isWorld(value: unknown): value is World {
  if (typeof value !== "object" || value === null) return false;
  return ["describe", "runs", "log", "claims", "close"].every((member) => member in value);
}
