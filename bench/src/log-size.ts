/** How many bytes a run's log holds, so that the floor can write as many. */
import type { LogEvent, World } from "@perdure/world";

/** Whole numbers of an event (position, type, times, cause, epoch) as a store keeps them. */
const numbersBytes = 40;

const pageSize = 5_000;

/** A run's log in figures. */
export interface LogSize {
  readonly events: number;
  readonly bytes: number;
}

/** Reads the log of a run once and adds it up. */
export async function logSize(world: World, runId: string): Promise<LogSize> {
  let events = 0;
  let bytes = 0;
  for (;;) {
    const page = await world.log.read(runId, { after: events, limit: pageSize });
    for (const event of page) bytes += eventBytes(event);
    events += page.length;
    if (page.length < pageSize) return { events, bytes };
  }
}

function eventBytes({ correlationId, key, data, payload }: LogEvent): number {
  const texts = [correlationId ?? "", key ?? "", JSON.stringify(data)];
  const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return numbersBytes + textBytes + (payload?.byteLength ?? 0);
}
