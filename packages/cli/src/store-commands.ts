/** `perdure postgres …`: what the backend has done or found, as text or JSON. */
import { ConfigError } from "@perdure/errors";
import type { DoctorFinding, MigrationReport, PurgeReport, StoreOperations } from "@perdure/world";
import type { DoctorCommand, MigrateCommand, PurgeCommand, StoreCommand } from "./command-line.ts";
import type { CommandOutput } from "./main.ts";
import { renderStatus } from "./store-status.ts";
import { visible } from "./table.ts";
import type { Tone } from "./text-style.ts";

/** Runs one command on the store. False: it was done, and has found a problem. */
export async function operateStore(
  command: StoreCommand,
  offered: StoreOperations | null,
  output: CommandOutput,
): Promise<boolean> {
  const operations = requireBackend(command, offered);
  switch (command.name) {
    case "postgres migrate":
      printMigration(command, await operations.migrate(command), output);
      return true;
    case "postgres status": {
      const status = await operations.status();
      output.print(command.json ? `${JSON.stringify(status)}\n` : renderStatus(status, output.style));
      return true;
    }
    case "postgres purge":
      printPurge(command, await operations.purge(command), output);
      return true;
    case "postgres doctor":
      return printFindings(command, await operations.doctor(), output);
  }
}

function requireBackend({ name }: StoreCommand, offered: StoreOperations | null): StoreOperations {
  const [backend = ""] = name.split(" ", 1);
  if (offered?.backend === backend) return offered;
  const found = offered === null ? "offers no commands of its own" : `has the commands of "${offered.backend}"`;
  throw new ConfigError(`The configured world ${found}, and "perdure ${name}" needs one of "${backend}".`, {
    hint: "Write `world: postgresWorld({ url })` in perdure.config.ts, with postgresWorld from @perdure/world-postgres.",
  });
}

function printMigration({ dryRun, json }: MigrateCommand, report: MigrationReport, { print }: CommandOutput): void {
  const { location, from, to, sql } = report;
  if (json) print(`${JSON.stringify(report)}\n`);
  else if (sql.length === 0) print(`The tables in ${location} are up to date: version ${from}.\n`);
  else if (dryRun) for (const statement of sql) print(`${statement}\n\n`);
  else print(`Migrated ${location} from version ${from} to ${to}.\n`);
}

function printPurge({ dryRun, json }: PurgeCommand, report: PurgeReport, { print }: CommandOutput): void {
  const { runs, events, bundles } = report;
  if (json) print(`${JSON.stringify(report)}\n`);
  else print(`${dryRun ? "Would delete" : "Deleted"} ${runs} runs with ${events} events, and ${bundles} bundles.\n`);
}

const tones: Readonly<Record<DoctorFinding["level"], Tone>> = { ok: "good", warning: "warning", problem: "bad" };

/** True when nothing is a problem. */
function printFindings({ json }: DoctorCommand, findings: readonly DoctorFinding[], output: CommandOutput): boolean {
  const { print, style } = output;
  for (const finding of findings) {
    const { check, level, found, advice } = finding;
    if (json) {
      print(`${JSON.stringify(finding)}\n`);
      continue;
    }
    print(`${style(tones[level], level.padEnd(7))}  ${check}: ${visible(found)}\n`);
    if (advice !== null) print(`         ${advice}\n`);
  }
  return findings.every(({ level }) => level !== "problem");
}
