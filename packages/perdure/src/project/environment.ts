/**
 * The only file of this package that reads `process.env`. Each variable: name, type, default, why.
 *
 * | name | type | default | why |
 * | --- | --- | --- | --- |
 * | `PERDURE_WORKER` | `0` or `1` | `1` | `0` makes a process that loads `perdure/register` a client only |
 * | `PERDURE_WORLD` | `local` or `postgres` | unset | the world of this process in place of the configured one; `perdure dev --world` sets it |
 * | `PERDURE_POSTGRES_URL` | URL | unset | the database of the world `postgres`; unset, the server of `perdure dev` |
 * | `PERDURE_DEV` | `1` | unset | set by `perdure dev` for the program that it starts, and taken out again by it |
 * | `NO_COLOR` | text | unset | any text: the command line prints no colours (https://no-color.org) |
 * | `FORCE_COLOR` | text | unset | any text but 0: the command line prints colours into a pipe too |
 */
import type { WorldName } from "@perdure/cli";
import { ConfigError } from "@perdure/errors";

/** The variables that the command line reads. */
export function terminalVariables(env: Readonly<Record<string, string | undefined>> = process.env) {
  return { NO_COLOR: env["NO_COLOR"], FORCE_COLOR: env["FORCE_COLOR"] };
}

/** Whether `perdure/register` may start a worker in this process. Throws `ConfigError` for a value other than 0 and 1. */
export function workerAllowed(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  const value = env["PERDURE_WORKER"];
  if (value === undefined || value === "" || value === "1") return true;
  if (value === "0") return false;
  throw new ConfigError(`PERDURE_WORKER is ${JSON.stringify(value)}; it can be 0 or 1.`, {
    hint: "0: this process is a client only. 1, or unset: it becomes a worker.",
  });
}

/** The world that this process is told to use, whatever its configuration says. Throws `ConfigError` for one that does not exist. */
export function worldVariable(env: Readonly<Record<string, string | undefined>> = process.env): WorldName | null {
  const value = env["PERDURE_WORLD"];
  if (value === undefined || value === "") return null;
  if (value === "local" || value === "postgres") return value;
  throw new ConfigError(`PERDURE_WORLD is ${JSON.stringify(value)}; it can be local or postgres.`, {
    hint: "Unset, the world is the one that the configuration names.",
  });
}

/** The database that the world `postgres` is to use. */
export function postgresUrlVariable(env: Readonly<Record<string, string | undefined>> = process.env): string | null {
  const value = env["PERDURE_POSTGRES_URL"];
  return value === undefined || value === "" ? null : value;
}

/** Whether `perdure dev` has started this process. Taken out, so that processes which this one starts do not see it. */
export function takeDevMark(env: Record<string, string | undefined> = process.env): boolean {
  const isMarked = env["PERDURE_DEV"] === "1";
  delete env["PERDURE_DEV"];
  return isMarked;
}

/** The environment of a program that `perdure dev` starts: this process's own, the mark, and the world where one was named. */
export function developedEnvironment(
  world: WorldName | undefined,
  postgresUrl: string | null,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string | undefined> {
  return {
    ...env,
    PERDURE_DEV: "1",
    ...(world === undefined ? {} : { PERDURE_WORLD: world }),
    ...(postgresUrl === null ? {} : { PERDURE_POSTGRES_URL: postgresUrl }),
  };
}
