import { parkedHint, sentenceOf, UndecodableError } from "@perdure/errors";
import type { LogEvent, RunRecord, World } from "@perdure/world";
import type { ShowCommand } from "./command-line.ts";
import { eventLabels } from "./event-label.ts";
import type { CommandContext } from "./main.ts";
import { payloadText } from "./payload-text.ts";
import { eventJson, runDetailJson } from "./run-json.ts";
import { requireRun } from "./run-lookup.ts";
import { statusCell } from "./runs-list.ts";
import { type Cell, renderTable, visible } from "./table.ts";
import type { TextStyle } from "./text-style.ts";

const pageSize = 1000;

/** `runs show`: the record, why it is parked, and the events; or one JSON document. */
export async function showRun(command: ShowCommand, { world, print, style }: CommandContext): Promise<void> {
  const run = await requireRun(world, command.runId);
  const { log, unreadable } = await readLog(world, command.runId);
  const labels = eventLabels(log);
  if (command.json) {
    const events = log.map((event, index) =>
      eventJson(event, labels[index] ?? "", command.data ? payloadText(event.payload) : undefined),
    );
    const rest = unreadable === null ? {} : { unreadable: sentenceOf(unreadable) };
    print(`${JSON.stringify({ run: runDetailJson(run), events, ...rest }, null, 2)}\n`);
    return;
  }
  print(renderTable(recordRows(run, style)));
  if (run.parked !== null) print(`\n${parkedText(run.parked, style)}`);
  print(`\n${renderTable(eventRows(log, labels, style))}`);
  if (unreadable !== null)
    print(`\n${style("warning", `The log cannot be read further. ${sentenceOf(unreadable)}`)}\n`);
  if (command.data) print(`\n${valueLines(log, labels, style)}`);
}

interface ReadLog {
  readonly log: readonly LogEvent[];
  /** Why there is no more of it, when it is damaged. */
  readonly unreadable: UndecodableError | null;
}

/** The whole log, or as far as the first event that is damaged. */
async function readLog(world: World, runId: string): Promise<ReadLog> {
  const log: LogEvent[] = [];
  try {
    for (;;) {
      const page = await world.log.read(runId, { after: log.length, limit: pageSize });
      log.push(...page);
      if (page.length < pageSize) return { log, unreadable: null };
    }
  } catch (error) {
    if (!UndecodableError.is(error)) throw error;
    const position = error.where?.position ?? 0;
    const sound = position - 1 - log.length;
    if (sound > 0) log.push(...(await world.log.read(runId, { after: log.length, limit: sound })));
    return { log, unreadable: error };
  }
}

function recordRows(run: RunRecord, style: TextStyle): Cell[][] {
  const row = (name: string, cell: Cell): Cell[] => [{ text: name, paint: (text) => style("faint", text) }, cell];
  const moment = (name: string, ms: number | null): Cell[][] =>
    ms === null ? [] : [row(name, { text: new Date(ms).toISOString() })];
  return [
    row("run", { text: run.runId, paint: (text) => style("strong", text) }),
    row("workflow", { text: `${run.workflowName} (${run.workflowId})` }),
    row("status", statusCell(run, style)),
    ...(run.key === null ? [] : [row("key", { text: run.key })]),
    ...(run.parentRunId === null ? [] : [row("parent", { text: run.parentRunId })]),
    ...moment("created", run.createdAt),
    ...moment("started", run.startedAt),
    ...moment("ended", run.endedAt),
    ...moment("wakes", run.wakeAt),
    ...(run.owner === null ? [] : [row("worker", { text: run.owner })]),
  ];
}

function parkedText(parked: NonNullable<RunRecord["parked"]>, style: TextStyle): string {
  const place = parked.position === null ? "" : ` at position ${parked.position}`;
  const title = `parked since ${new Date(parked.since).toISOString()}${place}: ${visible(parked.reason)}`;
  const detail = parked.detail.split("\n").map((line) => `  ${visible(line)}\n`);
  return `${style("warning", title)}\n${detail.join("")}  hint:  ${parkedHint(parked.reason)}\n`;
}

function eventRows(log: readonly LogEvent[], labels: readonly string[], style: TextStyle): Cell[][] {
  const paint = (text: string): string => style("strong", text);
  const titles = ["#", "TYPE", "WHAT", "AT", "DELTA"].map((text) => ({
    text,
    paint,
    right: text === "#" || text === "DELTA",
  }));
  const rows = log.map((event, index) => [
    { text: String(event.position), right: true },
    { text: event.type, paint: (text: string) => style(toneOf(event), text) },
    { text: labels[index] ?? "" },
    { text: new Date(event.at).toISOString() },
    { text: deltaText(event.at - (log[index - 1]?.at ?? event.at)), right: true },
  ]);
  return [titles, ...rows];
}

function toneOf(event: LogEvent) {
  if (event.type.endsWith("_failed") || event.type === "hook_conflict") return "bad";
  if (event.type.endsWith("_completed")) return "good";
  return event.type === "step_retrying" || event.type === "run_cancelled" ? "warning" : "active";
}

/** Time since the event before, in the largest unit that keeps it readable. */
function deltaText(ms: number): string {
  if (ms < 1000) return `+${ms}ms`;
  if (ms < 60_000) return `+${(ms / 1000).toFixed(1)}s`;
  if (ms < 3_600_000) return `+${(ms / 60_000).toFixed(1)}m`;
  return ms < 86_400_000 ? `+${(ms / 3_600_000).toFixed(1)}h` : `+${(ms / 86_400_000).toFixed(1)}d`;
}

function valueLines(log: readonly LogEvent[], labels: readonly string[], style: TextStyle): string {
  const lines = log.flatMap((event, index) => {
    const value = payloadText(event.payload);
    if (value === null) return [];
    const place = `${event.position} ${event.type} ${labels[index] ?? ""}`.trimEnd();
    const [first = "", ...rest] = value.split("\n").map(visible);
    return [`${style("faint", visible(place))}  ${first}\n`, ...rest.map((line) => `    ${line}\n`)];
  });
  return lines.join("");
}
