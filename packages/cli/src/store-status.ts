/** The state of a store as people read it. Pure. */
import type { StoreStatus } from "@perdure/world";
import { type Cell, renderTable, visible } from "./table.ts";
import type { TextStyle } from "./text-style.ts";

export function renderStatus(status: StoreStatus, style: TextStyle): string {
  const { workers, tables } = status;
  const parts = [renderTable(summary(status))];
  if (workers.length > 0) {
    const rows = workers.map(({ id, alive, beatAgeMs, claims }) => [
      { text: id },
      { text: alive ? "alive" : "lost", paint: (text: string) => style(alive ? "good" : "bad", text) },
      right(beatAgeMs === null ? "never" : duration(beatAgeMs)),
      right(String(claims)),
    ]);
    parts.push(renderTable([header(["WORKER", "STATE", "LAST BEAT", "CLAIMS"], style), ...rows]));
  }
  const rows = tables.map(({ name, bytes, rows: count, deadRows }) => [
    { text: name },
    right(size(bytes)),
    right(`~${count}`),
    right(`~${deadRows}`),
  ]);
  parts.push(renderTable([header(["TABLE", "SIZE", "ROWS", "DEAD ROWS"], style), ...rows]));
  return parts.join("\n");
}

function summary(status: StoreStatus): Cell[][] {
  const { location, namespace, server, schemaVersion, restoredAt, runs, parked, due, oldestDueMs, scheduled } = status;
  const counts = Object.entries(runs).map(([name, count]) => `${count} ${name}`);
  const reasons = Object.entries(parked).map(([reason, count]) => `${count} ${reason}`);
  const late = oldestDueMs === null ? "" : `, the oldest for ${duration(oldestDueMs)}`;
  const lines: readonly (readonly [string, string])[] = [
    ["store", visible(location)],
    ["namespace", namespace],
    ["server", server],
    ["schema", `version ${schemaVersion}`],
    ...(restoredAt === null ? [] : [["restored", `noticed ${new Date(restoredAt).toISOString()}`] as const]),
    ["runs", counts.join(", ")],
    ["parked", reasons.length === 0 ? "none" : reasons.join(", ")],
    ["due", `${due}${late}`],
    ["scheduled", String(scheduled)],
  ];
  return lines.map(([name, text]) => [{ text: name }, { text }]);
}

function header(names: readonly string[], style: TextStyle): Cell[] {
  return names.map((text, column) => ({
    text,
    paint: (plain) => style("strong", plain),
    right: column > 0 && text !== "STATE",
  }));
}

const right = (text: string): Cell => ({ text, right: true });

/** The largest unit of which there is one at least. */
function duration(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const;
  const [unit, per] = units.find(([, each]) => ms >= each) ?? ["ms", 1];
  return `${Math.floor(ms / per)}${unit}`;
}

function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${units[step] ?? ""}`;
}
