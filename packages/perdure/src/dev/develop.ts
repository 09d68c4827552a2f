/** `perdure dev`: a program, or a server for it, until somebody ends it. */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join, relative } from "node:path";
import type { DevCommand, DevOutput } from "@perdure/cli";
import { UsageError } from "@perdure/errors";
import { findConfiguration } from "../project/configuration-file.ts";
import { developedEnvironment, postgresUrlVariable, worldVariable } from "../project/environment.ts";
import { postgresWorldAt } from "../project/named-world.ts";
import { projectRoot } from "../project/project-root.ts";
import { type DevDatabase, givenDatabase, KeptServer } from "./dev-database.ts";
import { DevelopedProgram, type Ending } from "./developed-program.ts";
import { EndSignals } from "./end-signals.ts";

/** What is the same for all that one command does. */
interface Session {
  readonly command: DevCommand;
  readonly output: DevOutput;
  readonly root: string;
  readonly signals: EndSignals;
}

/**
 * Runs the program until a signal ends it, and ends this process in the same way. The answer is the exit code. Rejects with a
 * `PerdureError` that says what to do.
 */
export async function develop(command: DevCommand, output: DevOutput): Promise<number> {
  const { entry } = command;
  if (entry !== null && !existsSync(entry)) {
    throw new UsageError(`There is no file "${entry}" in ${process.cwd()}.`, {
      hint: "Name the module that the program begins with, its extension included.",
    });
  }
  const signals = new EndSignals();
  let ending: Ending;
  try {
    const world = command.world ?? worldVariable();
    const onWorld = world === null ? command : { ...command, world };
    ending = await runSession({ command: onWorld, output, root: projectRoot(process.cwd()), signals });
  } finally {
    signals.close();
  }
  if (ending.signal !== null) process.kill(process.pid, ending.signal);
  return ending.code ?? 128 + (ending.signal === null ? 0 : constants.signals[ending.signal]);
}

async function runSession(session: Session): Promise<Ending> {
  if (session.command.world !== "postgres") return await runProgram(session, null);
  const { root, output } = session;
  const given = postgresUrlVariable();
  const database = given === null ? await KeptServer.open(root, output.say) : givenDatabase(given);
  try {
    // Tables that are missing are no matter of the program, nor of the commands that look at its runs.
    await migrate(database.url, root);
    return await runProgram(session, database);
  } finally {
    await database.close();
  }
}

async function migrate(url: string, root: string): Promise<void> {
  const { operations } = await postgresWorldAt(url, { root, namespace: undefined });
  await operations.migrate({ dryRun: false });
}

async function runProgram(session: Session, database: DevDatabase | null): Promise<Ending> {
  const { command, output, signals } = session;
  const { early } = signals;
  if (early !== null) return { code: null, signal: early };
  for (const line of greeting(session, database)) output.say(line);
  const { entry, args, world } = command;
  if (entry === null) return await serve(session, database);
  const environment = developedEnvironment(world, database?.url ?? null);
  const program = new DevelopedProgram({ entry, args, environment, say: output.say });
  signals.listen((signal) => program.leave(signal));
  try {
    return await Promise.race([program.ended, failureOf(database)]);
  } catch (error) {
    program.leave("SIGTERM");
    await program.ended;
    throw error;
  }
}

/** A server without a program. */
async function serve({ output, signals }: Session, database: DevDatabase | null): Promise<Ending> {
  const told = new Promise<Ending>((resolve) => signals.listen((signal) => resolve({ code: null, signal })));
  if (database !== null) output.print(`${database.url}\n`);
  return await Promise.race([told, failureOf(database)]);
}

const failureOf = (database: DevDatabase | null): Promise<never> => database?.failure ?? new Promise(() => undefined);

function greeting({ command, root }: Session, database: DevDatabase | null): string[] {
  const { entry, world } = command;
  const option = world === undefined ? "" : ` --world ${world}`;
  const place = database?.description ?? worldInWords(command, root);
  const begin = entry === null ? place : `${entry} on ${place}`;
  const end = entry === null ? "Ctrl+C ends it" : "it starts again when one of its files changes; Ctrl+C ends it";
  return [begin, `\`npx perdure runs list${option}\` shows the runs; ${end}`];
}

function worldInWords({ world }: DevCommand, root: string): string {
  const cwd = process.cwd();
  const configuration = world === undefined ? findConfiguration(cwd, root) : null;
  if (configuration !== null) return `the world of ${relative(cwd, configuration)}`;
  return `SQLite in ${relative(cwd, join(root, ".perdure", "perdure.db"))}`;
}
