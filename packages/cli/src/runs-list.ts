import type { RunFilter, RunRecord, World } from "@perdure/world";
import type { ListCommand } from "./command-line.ts";
import type { CommandContext } from "./main.ts";
import { runJson } from "./run-json.ts";
import { type Cell, renderTable } from "./table.ts";
import type { TextStyle, Tone } from "./text-style.ts";

/** How many rows are asked of the world at once. */
const pageSize = 200;

/** `runs list`: a table, or one JSON object per line. */
export async function listRuns(command: ListCommand, { world, print, style }: CommandContext): Promise<void> {
  const runs = await collectRuns(world, command);
  if (command.json) {
    for (const run of runs) print(`${JSON.stringify(runJson(run))}\n`);
    return;
  }
  if (runs.length === 0) {
    const { location } = await world.describe();
    print(style("faint", `No runs match in ${location}.`));
    print("\n");
    return;
  }
  print(renderTable([header(style), ...runs.map((run) => row(run, style))]));
}

async function collectRuns(world: World, command: ListCommand): Promise<RunRecord[]> {
  const wanted = command.workflow;
  const filter: Omit<RunFilter, "limit" | "cursor"> = {
    ...(command.status === null ? {} : { status: command.status }),
    ...(wanted?.startsWith("workflow//") === true ? { workflowId: wanted } : {}),
    ...(command.parkedOnly ? { parked: true } : {}),
  };
  const runs: RunRecord[] = [];
  let cursor: string | null = null;
  do {
    const page = await world.runs.list({
      ...filter,
      limit: Math.min(pageSize, command.limit),
      ...(cursor === null ? {} : { cursor }),
    });
    for (const run of page.items) {
      if (wanted === null || run.workflowName === wanted || run.workflowId === wanted) runs.push(run);
    }
    cursor = page.cursor;
  } while (cursor !== null && runs.length < command.limit);
  return runs.slice(0, command.limit);
}

const tones: Readonly<Record<RunRecord["status"], Tone>> = {
  pending: "faint",
  running: "active",
  completed: "good",
  failed: "bad",
  cancelled: "warning",
};

/** The status as people read it: a parked run is running, and says why it does not go on. */
export function statusCell(run: RunRecord, style: TextStyle): Cell {
  if (run.parked === null) return { text: run.status, paint: (text) => style(tones[run.status], text) };
  return { text: `${run.status}, parked: ${run.parked.reason}`, paint: (text) => style("warning", text) };
}

function header(style: TextStyle): Cell[] {
  const paint = (text: string): string => style("strong", text);
  return ["RUN", "WORKFLOW", "STATUS", "CREATED", "EVENTS", "KEY"].map((text) => ({
    text,
    paint,
    right: text === "EVENTS",
  }));
}

function row(run: RunRecord, style: TextStyle): Cell[] {
  return [
    { text: run.runId },
    { text: run.workflowName },
    statusCell(run, style),
    { text: new Date(run.createdAt).toISOString() },
    { text: String(run.tail), right: true },
    { text: run.key ?? "" },
  ];
}
