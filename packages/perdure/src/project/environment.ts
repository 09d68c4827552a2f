/**
 * The only file of this package that reads `process.env`. Each variable: name, type, default, why.
 *
 * | name | type | default | why |
 * | --- | --- | --- | --- |
 * | `PERDURE_WORKER` | `0` or `1` | `1` | `0` makes a process that loads `perdure/register` a client only |
 * | `NO_COLOR` | text | unset | any text: the command line prints no colours (https://no-color.org) |
 * | `FORCE_COLOR` | text | unset | any text but 0: the command line prints colours into a pipe too |
 */
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
