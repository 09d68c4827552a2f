/** CPU profiles of what a scenario measures: a file for the browser's tools, and the dearest functions as text. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import { basename, dirname } from "node:path";

/** Microseconds between two samples. */
const samplingIntervalUs = 200;

/** Functions that the text names. */
const functionsShown = 25;

/** Does the work under the profiler, writes the profile to `file`, and prints where the time went to stderr. */
export async function profiled<T>(file: string, work: () => Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: samplingIntervalUs });
    await session.post("Profiler.start");
    const result = await work();
    const { profile } = await session.post("Profiler.stop");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(profile));
    process.stderr.write(`${file}\n${describe(profile)}\n`);
    return result;
  } finally {
    session.disconnect();
  }
}

/** Self time by function, most first. */
function describe({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): string {
  const nameOf = new Map(nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  const selfUs = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = nameOf.get(id) ?? "(unknown)";
    selfUs.set(name, (selfUs.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  return [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, functionsShown)
    .map(([name, us]) => `${(us / 1000).toFixed(1).padStart(9)} ms ${percent(us, total)}  ${name}`)
    .join("\n");
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1).padStart(5)}%`;

function frameName({ functionName, url, lineNumber }: Profiler.Profile["nodes"][number]["callFrame"]): string {
  const place = url === "" ? "" : `  ${basename(dirname(url))}/${basename(url)}:${lineNumber + 1}`;
  return `${functionName || "(anonymous)"}${place}`;
}
