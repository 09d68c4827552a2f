/**
 * The `perdure` command as a function: arguments in, text and an exit code out.
 *
 * Owns: dispatch, exit codes, how an error is printed. Does not own: which world is asked (the caller injects it), and
 * rendering (`runs-table.ts`, `run-json.ts`, `table.ts` are pure). It is a client: it never claims a run.
 */
import { codeOf, UsageError } from "@perdure/errors";
import type { StoreOperations, World } from "@perdure/world";
import { helpText } from "./command-help.ts";
import { type Command, parseCommandLine, type StoreCommand } from "./command-line.ts";
import { describeError } from "./error-text.ts";
import { cancelRun } from "./runs-cancel.ts";
import { listRuns } from "./runs-list.ts";
import { showRun } from "./runs-show.ts";
import { unparkRun } from "./runs-unpark.ts";
import { operateStore } from "./store-commands.ts";
import { type TextStyle, textStyle } from "./text-style.ts";

/** Where text goes; `process.stdout` and `process.stderr` are such streams. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Everything the command takes from outside. */
export interface CliEnvironment {
  /** Opens the configured world; called only by commands that need it. The command closes the world when it is done. */
  readonly loadWorld: () => Promise<World>;
  /** What the configured world offers to those who operate its store; null when it offers nothing. */
  readonly loadOperations: () => Promise<StoreOperations | null>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** `NO_COLOR` and `FORCE_COLOR` are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a command works with. */
export interface CommandContext extends CommandOutput {
  readonly world: World;
}

/** Where a command says what it has to say. */
export interface CommandOutput {
  readonly print: (text: string) => void;
  readonly style: TextStyle;
}

/**
 * Runs one command line, without the program's name (`["runs", "list"]`), and gives the exit code: 0 when it was done, 1 when it
 * failed, 2 when the command line does not make sense. Errors are printed, never thrown.
 */
export async function main(argv: readonly string[], environment: CliEnvironment): Promise<number> {
  const { stdout, stderr, env } = environment;
  const verbose = argv.includes("--verbose");
  try {
    const command = parseCommandLine(argv);
    if (command.name === "help") {
      stdout.write(helpText(command.topic));
      return 0;
    }
    const output = { print: (text: string) => stdout.write(text), style: textStyle(env, stdout.isTTY === true) };
    if (isStoreCommand(command)) {
      return (await operateStore(command, await environment.loadOperations(), output)) ? 0 : 1;
    }
    await withWorld(environment.loadWorld, (world) => execute(command, { world, ...output }));
    return 0;
  } catch (error) {
    stderr.write(`${describeError(error, { verbose, style: textStyle(env, stderr.isTTY === true) })}\n`);
    return codeOf(error) !== undefined && UsageError.is(error) ? 2 : 1;
  }
}

async function withWorld(load: () => Promise<World>, use: (world: World) => Promise<void>): Promise<void> {
  const world = await load();
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

const isStoreCommand = (command: Command): command is StoreCommand => command.name.startsWith("postgres ");

function execute(command: Exclude<Command, StoreCommand | { name: "help" }>, context: CommandContext): Promise<void> {
  switch (command.name) {
    case "runs list":
      return listRuns(command, context);
    case "runs show":
      return showRun(command, context);
    case "runs cancel":
      return cancelRun(command, context);
    case "runs unpark":
      return unparkRun(command, context);
  }
}
