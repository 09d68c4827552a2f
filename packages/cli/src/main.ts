/**
 * The `perdure` command as a function: arguments in, text and an exit code out.
 *
 * Owns: dispatch, exit codes, how an error is printed. Does not own: which world is asked (the caller injects it), and
 * rendering (`runs-table.ts`, `run-json.ts`, `table.ts` are pure). It is a client: it never claims a run, and
 * `dev` starts a process that does.
 */
import { codeOf, UsageError } from "@perdure/errors";
import type { StoreOperations, World } from "@perdure/world";
import { helpText } from "./command-help.ts";
import { type Command, type DevCommand, parseCommandLine, type StoreCommand, type WorldName } from "./command-line.ts";
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
  /** Opens the named world, or the configured one; called only by commands that need it. The command closes it when it is done. */
  readonly loadWorld: (name?: WorldName) => Promise<World>;
  /** What that world offers to those who operate its store; null when it offers nothing. */
  readonly loadOperations: (name?: WorldName) => Promise<StoreOperations | null>;
  /** Runs a program while it is being written, until that is ended; the answer is the exit code. */
  readonly develop: (command: DevCommand, output: DevOutput) => Promise<number>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** `NO_COLOR` and `FORCE_COLOR` are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a command works with. */
export interface CommandContext extends CommandOutput {
  readonly world: World;
}

/** Where `perdure dev` writes: what others read goes to `print`, what it says for itself to `say`, apart from the program's output. */
export interface DevOutput {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
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
      return (await operateStore(command, await environment.loadOperations(command.world), output)) ? 0 : 1;
    }
    if (command.name === "dev") return await environment.develop(command, devOutput(environment));
    await withWorld(
      () => environment.loadWorld(command.world),
      (world) => execute(command, { world, ...output }),
    );
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

function devOutput({ stdout, stderr, env }: CliEnvironment): DevOutput {
  const style = textStyle(env, stderr.isTTY === true);
  return {
    print: (text) => stdout.write(text),
    say: (text) => stderr.write(`${style("faint", `perdure: ${text}`)}\n`),
  };
}

const isStoreCommand = (command: Command): command is StoreCommand => command.name.startsWith("postgres ");

function execute(
  command: Exclude<Command, StoreCommand | DevCommand | { name: "help" }>,
  context: CommandContext,
): Promise<void> {
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
