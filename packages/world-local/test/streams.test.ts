import { DatabaseSync } from "node:sqlite";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { startChild } from "./children.ts";
import { creation, id, streamBatch } from "./request-values.ts";

const bench = new Bench();
const runId = id("wrun", 1);

/** A bound of liveness; nothing waits for it. */
const longMs = 30_000;

const textsOf = (chunks: readonly Uint8Array[]) => chunks.map((chunk) => Buffer.from(chunk).toString());

describe("a stream", () => {
  it.each([true, false])("C1 C6: is followed by another process, with watching %s", async (watch) => {
    const path = bench.file();
    const world = await bench.closing(createLocalWorld({ path, watch, pollMs: 20 }));
    await world.runs.create(creation(1));
    const child = startChild("stream-loop", [path, runId, "30", "10"]);
    const seen: string[] = [];
    for (;;) {
      const page = await world.streams.read(runId, "out", { from: seen.length, limit: 7, waitMs: longMs });
      seen.push(...textsOf(page.chunks));
      if (page.end !== null && seen.length === page.count) break;
    }
    expect(await child.ended).toBe(0);
    expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => String(index)));
  });

  it("vanishes with its run, and takes nothing else along", async () => {
    const path = bench.file();
    const world = await createLocalWorld({ path });
    for (const n of [1, 2]) {
      await world.runs.create(creation(n));
      await world.streams.append(id("wrun", n), streamBatch(1, ["a", "b"]));
    }
    await world.close();
    const db = new DatabaseSync(path);
    db.prepare("DELETE FROM runs WHERE run_id = ?").run(runId);
    const count = (table: string) => db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"];
    expect(["streams", "stream_writers", "stream_chunks"].map(count)).toEqual([1, 1, 2]);
    db.close();
    const again = await bench.closing(createLocalWorld({ path }));
    expect((await again.streams.read(id("wrun", 2), "out", { from: 0, limit: 5 })).chunks).toHaveLength(2);
  });

  it("C7: whose reader waits while the world is closed does not keep it waiting", async () => {
    const world = await createLocalWorld({ path: bench.file() });
    await world.runs.create(creation(1));
    const read = world.streams.read(runId, "out", { from: 0, limit: 5, waitMs: longMs });
    const failed = expect(read).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await world.close();
    await failed;
  });
});
