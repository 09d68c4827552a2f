/**
 * L3, L7: single bits of the files of a recorded store are flipped. No other value is ever read than was acknowledged:
 * the store is refused, or tells of the run that is damaged and answers for the others.
 *
 * A run of CI flips the bits of the newest event's and run's row, of the newest frame's header, and 1,000 by the seed for
 * each recording; `PERDURE_LONG=1` also every bit of the newest frame. `PERDURE_SEED` repeats a choice.
 */
import { afterAll, describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { type Files, Tally, tryFiles, type Verdict } from "./damage.ts";
import { randomBelow } from "./random.ts";
import { newestPayload, type Recording, record, type Shape } from "./recording.ts";
import { id } from "./request-values.ts";

const bench = new Bench();
const isLong = process.env["PERDURE_LONG"] === "1";
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);
const flipsBySeed = 1_000;
/** A bound of liveness: 20 ms a trial and more. */
const timeoutMs = isLong ? 3_600_000 : 600_000;

const tallies = new Map<string, Tally>();

/** A frame whose bits do not match its checksum ends the log for SQLite, so that what came before it is left. */
const expected: Readonly<Record<keyof Files, readonly Verdict[]>> = {
  main: ["whole", "refused", "told"],
  log: ["whole", "prefix"],
};

afterAll(() => {
  for (const [name, tally] of tallies) console.log(`bit flips, ${name}: ${tally.total} (${tally}); seed ${seed}`);
});

/** Flips each of the bits alone. */
async function flip(name: string, recording: Recording, which: keyof Files, bits: Iterable<number>): Promise<Tally> {
  const bytes = Buffer.from(recording[which] ?? []);
  const file = bench.file();
  const tally = tallies.get(name) ?? new Tally();
  tallies.set(name, tally);
  for (const bit of bits) {
    toggle(bytes, bit);
    const finding = await tryFiles(file, { ...recording, [which]: bytes });
    toggle(bytes, bit);
    tally.add(`byte ${bit >> 3}, bit ${bit & 7}`, finding, expected[which]);
  }
  expect(tally.bad).toEqual([]);
  return tally;
}

function toggle(bytes: Buffer, bit: number): void {
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
}

/** The bits of these bytes. */
function* bitsOf(from: number, to: number): Generator<number> {
  for (let bit = from * 8; bit < to * 8; bit += 1) yield bit;
}

describe.each<Shape>(["in the log alone", "in the main file alone", "in both files"])(
  "a store whose data are %s",
  (shape) => {
    it("never gives another value for a bit that is flipped anywhere", { timeout: timeoutMs }, async () => {
      const recording = await record(bench.file(), shape);
      const below = randomBelow(seed);
      const log = recording.log ?? Buffer.alloc(0);
      const chosen = Array.from({ length: flipsBySeed }, () => below((recording.main.length + log.length) * 8));
      const mainBits = recording.main.length * 8;
      await flip(
        `anywhere, ${shape}, main`,
        recording,
        "main",
        chosen.filter((bit) => bit < mainBits),
      );
      const ofLog = chosen.filter((bit) => bit >= mainBits).map((bit) => bit - mainBits);
      await flip(`anywhere, ${shape}, log`, recording, "log", ofLog);
    });
  },
);

/** A handful of bits say the same when they are flipped, such as those of the width of a small number. */
function expectFound({ counts, total }: Tally): void {
  expect((counts.get("told") ?? 0) + (counts.get("refused") ?? 0)).toBeGreaterThan(total * 0.97);
}

describe("the description of the tables", () => {
  it("makes no other store of it for any bit that is flipped in it", { timeout: timeoutMs }, async () => {
    const recording = await record(bench.file(), "in the main file alone");
    // What lies before the last place is of a page that the description has outgrown.
    const place = recording.main.lastIndexOf("CREATE TABLE namespaces");
    expect(place).toBeGreaterThan(0);
    const page = place - (place % 4_096);
    const from = isLong ? Math.max(page, 100) : place;
    const to = isLong ? page + 4_096 : place + 84;
    const tally = await flip("description, main", recording, "main", bitsOf(from, to));
    expect(tally.counts.get("refused")).toBeGreaterThan(0);
  });
});

describe("the newest rows", () => {
  it("are told to be damaged for every bit that is flipped in them", { timeout: timeoutMs }, async () => {
    const recording = await record(bench.file(), "in the main file alone");
    const payload = recording.main.indexOf(newestPayload);
    expectFound(await flip("newest event, main", recording, "main", bitsOf(payload - 89, payload + 20)));
    // The first place of the newest run's id is its row: tables lie before their indexes.
    const run = recording.main.indexOf(id("wrun", 4));
    expectFound(await flip("newest run, main", recording, "main", bitsOf(run - 35, run + 148)));
  });

  it("are gone together with their commit for every bit that is flipped in its last frame", {
    timeout: timeoutMs,
  }, async () => {
    const recording = await record(bench.file(), "in the log alone");
    const end = recording.log?.length ?? 0;
    const frame = end - 4_096 - 24;
    const tally = await flip("newest frame, log", recording, "log", bitsOf(frame, isLong ? end : frame + 24));
    expect(tally.counts.get("prefix")).toBe(tally.total);
  });
});
