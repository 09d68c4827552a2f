import { expect, test } from "vitest";
import { runSchedule } from "../schedule/run-schedule.ts";
import { mutants } from "./all-mutants.ts";
import { mutantJson, mutantText } from "./mutant-text.ts";
import { type MutantReport, runMutants } from "./run-mutants.ts";

/** Of the realm, of replay, of the machine, of its policies, of the rules and of the books: each is found at once. */
const sample = [
  "random draws go on over a replay",
  "no drain between deliveries",
  "dispatch before acknowledgement",
  "one retry too few",
  "payloads all numbered one",
  "release forgets its timer",
];
const schedulesMax = 12;

let report: MutantReport;

test("a sample of the mutants is killed, each by an invariant that it breaks", async () => {
  report = await runMutants({ names: sample, schedulesMax, workers: 1 });
  for (const { name, outcome, foundBy, expected } of report.mutants) {
    expect([name, outcome]).toEqual([name, "killed"]);
    expect(expected).toContain(foundBy);
  }
  expect(report).toMatchObject({ killed: sample.length, total: sample.length });
}, 240_000);

test("without a mutant the schedules that killed the sample are green", async () => {
  const count = Math.max(...report.mutants.map(({ schedules }) => schedules));
  for (let seed = 0; seed < count; seed += 1) expect((await runSchedule({ seed })).violations).toEqual([]);
}, 240_000);

test("the report says what was found, and of what survives why it matters", () => {
  const [mutant] = mutants;
  const survivor = { ...report.mutants[0], name: mutant?.name ?? "", outcome: "survived", foundBy: null, message: "" };
  const text = mutantText({ killed: 5, total: 6, mutants: [...report.mutants.slice(1), survivor as never] });
  expect(text).toContain("5 of 6 mutants killed");
  expect(text).toContain(`${mutant?.name}: survived; expected: ${report.mutants[0]?.expected.join(", ")}.`);
  expect(JSON.parse(mutantJson(report))).toEqual(report);
});

test("a name that no mutant has is refused", async () => {
  await expect(runMutants({ names: ["no such thing"] })).rejects.toThrow('There is no mutant "no such thing".');
});
