/**
 * L2, L7: the files of a recorded store are cut at a length and opened again. What opens is what was acknowledged, or, when
 * the log was cut, what was acknowledged up to some commit; everything else is a typed error.
 *
 * A run of CI cuts around every page and frame, and at lengths by the seed; `PERDURE_LONG=1` at every length.
 * `PERDURE_SEED` repeats a choice.
 */
import { afterAll, describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { type Files, Tally, tryFiles, type Verdict } from "./damage.ts";
import { randomBelow } from "./random.ts";
import { type Recording, record, recordCreation, type Shape } from "./recording.ts";

const bench = new Bench();
const isLong = process.env["PERDURE_LONG"] === "1";
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);
const lengthsBySeed = 150;
/** A bound of liveness: 20 ms a trial and more. */
const timeoutMs = isLong ? 4 * 3_600_000 : 600_000;

const shapes: readonly Shape[] = ["in the log alone", "in the main file alone", "in both files"];
const tallies = new Map<string, Tally>();

/** Of a cut log, whole transactions are left; a cut main file may only be as it was, or be found out. */
const expected: Readonly<Record<keyof Files, readonly Verdict[]>> = {
  main: ["whole", "refused", "told"],
  log: ["whole", "prefix"],
};

afterAll(() => {
  for (const [name, tally] of tallies) console.log(`truncations, ${name}: ${tally.total} (${tally}); seed ${seed}`);
});

describe.each(shapes)("a store whose data are %s", (shape) => {
  it("is as it was acknowledged up to a commit, or says that it is damaged, wherever a file is cut", {
    timeout: timeoutMs,
  }, async () => {
    const recording = await record(bench.file(), shape);
    const file = bench.file();
    expect(await tryFiles(file, recording)).toMatchObject({ verdict: "whole" });
    for (const which of ["main", "log"] as const) {
      const bytes = recording[which];
      if (bytes === null) continue;
      const tally = new Tally();
      tallies.set(`${shape}, ${which}`, tally);
      for (const length of lengthsOf(bytes, which)) {
        const cut: Recording = { ...recording, [which]: bytes.subarray(0, length) };
        tally.add(String(length), await tryFiles(file, cut), allowed(recording, which, length));
      }
      expect(tally.bad).toEqual([]);
    }
  });
});

/** An empty file, or one of a byte, is a new store: nothing tells it from one that was never used, unless its log is there. */
function allowed(recording: Recording, which: keyof Files, length: number): readonly Verdict[] {
  const isEmptied = which === "main" && length <= 1 && recording.log === null;
  return isEmptied ? ["empty"] : expected[which];
}

function lengthsOf(bytes: Buffer, which: keyof Files): readonly number[] {
  if (isLong) return Array.from({ length: bytes.length }, (_, length) => length);
  const below = randomBelow(seed);
  const [start, step] = which === "main" ? [0, 4_096] : [32, 4_096 + 24];
  const edges = Array.from({ length: Math.ceil((bytes.length - start) / step) }, (_, n) => start + n * step);
  const around = [0, 1, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1])];
  const chosen = Array.from({ length: lengthsBySeed }, () => below(bytes.length));
  return [...around, ...chosen].filter((length) => length >= 0 && length < bytes.length);
}

describe("a store whose creation was cut off", () => {
  it("L4: is created, whole, by the next start", async () => {
    const recording = await recordCreation(bench.file());
    const file = bench.file();
    const tally = new Tally();
    tallies.set("creation, log", tally);
    const log = recording.log ?? Buffer.alloc(0);
    expect(log.length).toBeGreaterThan(10 * 4_096);
    for (const length of lengthsOf(log, "log").filter((length) => isLong || length % 4_120 === 32)) {
      tally.add(String(length), await tryFiles(file, { ...recording, log: log.subarray(0, length) }), [
        "whole",
        "empty",
      ]);
    }
    expect(tally.bad).toEqual([]);
  });
});
