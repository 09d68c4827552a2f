/** The `perdure` command: the command line of `@perdure/cli` with the configured world. It is a client and never claims a run. */
import "./project/require-node.ts";
import { main } from "@perdure/cli";
import { getWorld } from "@perdure/core";
import { terminalVariables } from "./project/environment.ts";
import { processConfiguration } from "./project/world-source.ts";

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await main(process.argv.slice(2), {
  loadWorld: getWorld,
  loadOperations: async () => (await processConfiguration()).world?.operations ?? null,
  stdout: process.stdout,
  stderr: process.stderr,
  env: terminalVariables(),
});
