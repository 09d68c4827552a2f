/**
 * The `perdure` command: the command line of `@perdure/cli` with the configured world, or the one that it names. It is a client and
 * never claims a run; `perdure dev` starts a process that does.
 */
import "./project/require-node.ts";
import { main, type WorldName } from "@perdure/cli";
import { getWorld } from "@perdure/core";
import { develop } from "./dev/develop.ts";
import { terminalVariables } from "./project/environment.ts";
import { nameWorld, processConfiguration } from "./project/world-source.ts";

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

/** The configuration, with the world of that name in place of its own. */
function configurationOn(name: WorldName | undefined) {
  if (name !== undefined) nameWorld(name);
  return processConfiguration();
}

process.exitCode = await main(process.argv.slice(2), {
  loadWorld: async (name) => {
    await configurationOn(name);
    return await getWorld();
  },
  loadOperations: async (name) => (await configurationOn(name)).world?.operations ?? null,
  develop,
  stdout: process.stdout,
  stderr: process.stderr,
  env: terminalVariables(),
});
