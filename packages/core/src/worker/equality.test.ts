/**
 * Resident = replay = crash-replay = isolated realm (R1, R3, R5): generated programs are run live, and their logs are
 * read back from every prefix, in chunks, with and without a memo, in a shared and in an own realm.
 */
import { afterAll, describe, expect, it } from "vitest";
import { checkLog, comparable } from "./equality.testing.ts";
import { isEndedLog, readBack, runLive } from "./generated-runs.testing.ts";
import { generateProgram } from "./program-generator.testing.ts";

const seeds = Array.from({ length: process.env["PERDURE_LONG"] === "1" ? 400 : 25 }, (_, index) => index + 1);

const sizes: number[] = [];
const kinds = new Map<string, number>();
let floating = 0;

describe.each(seeds)("generated program %i", (seed) => {
  const generated = generateProgram(seed);

  it("gives one log in every mode, and that log reads back the same from everywhere", async () => {
    const resident = await runLive(generated, { mode: "resident" });
    expect(resident.errors).toEqual([]);
    expect(isEndedLog(resident.log), JSON.stringify(resident.log.at(-1)?.type)).toBe(true);
    sizes.push(resident.log.length);
    for (const [kind, count] of Object.entries(generated.kinds)) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    if ((generated.kinds["floating"] ?? 0) > 0) floating += 1;
    checkLog(resident);
    const replayed = await runLive(generated, { mode: "replay" });
    expect(comparable(replayed)).toEqual(comparable(resident));
    const isolated = await runLive(generated, { mode: "resident", isolation: "run" });
    expect(comparable(isolated)).toEqual(comparable(resident));
    expect(isolated.lines).toEqual(resident.lines);
  });

  it("finishes after a kill at any append, with a log that reads back the same", async () => {
    for (let appends = 1; appends < 60; appends += 1) {
      const run = await runLive(generated, {
        mode: appends % 2 === 0 ? "resident" : "replay",
        killAfterAppends: appends,
      });
      expect(isEndedLog(run.log)).toBe(true);
      const whole = readBack(run.bundle, run.log);
      expect(whole).toMatchObject({ fault: null, planned: [] });
      if (!run.killed) break;
    }
  });
});

afterAll(() => {
  sizes.sort((a, b) => a - b);
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const share = Math.round((floating / Math.max(1, sizes.length)) * 100);
  const histogram = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} ${count}`);
  process.stdout.write(
    `programs ${sizes.length}, events median ${median} (${sizes[0]} to ${sizes.at(-1)}), floating ${share} %: ${histogram.join(", ")}\n`,
  );
  expect(median).toBeGreaterThanOrEqual(20);
  expect(share).toBeGreaterThanOrEqual(30);
});
