import { expect, test } from "vitest";
import { jsonLine, keepsGoal, table } from "./report.ts";
import type { Row } from "./row.ts";

const row = (changes: Partial<Row>): Row => ({
  suite: "local",
  scenario: "sequential",
  n: 100,
  unit: "ms/step",
  value: 0.25,
  floor: 0.2,
  ratio: 1.25,
  ...changes,
});

test("a JSON line has the members of a row and nothing else, in their order", () => {
  const surplus = { ...row({ floor: null, ratio: null }), note: "mine" };
  expect(jsonLine(surplus)).toBe(
    '{"suite":"local","scenario":"sequential","n":100,"unit":"ms/step","value":0.25,"floor":null,"ratio":null}',
  );
});

test("the table is aligned Markdown, with the goal of each row", () => {
  const rows = [
    row({ value: 0.251_49, ratio: 1.257 }),
    row({ scenario: "parallel", n: 10_000, unit: "ms", value: 1_234.5, floor: null, ratio: null }),
    row({ scenario: "runs_1_step", n: 1_000, unit: "runs/s", value: 7_999, floor: 16_000, ratio: 2 }),
  ];
  expect(table(rows)).toBe(
    [
      "| scenario    |      n | value |  floor | unit    | ratio | goal                    |",
      "| ----------- | -----: | ----: | -----: | ------- | ----: | ----------------------- |",
      "| sequential  |    100 | 0.251 |    0.2 | ms/step |  1.26 | ratio <= 1.5: kept      |",
      "| parallel    | 10,000 | 1,235 |        | ms      |       |                         |",
      "| runs_1_step |  1,000 | 7,999 | 16,000 | runs/s  |  2.00 | >= 8,000 runs/s: MISSED |",
    ].join("\n"),
  );
});

test.each([
  [row({ ratio: 1.5 }), true],
  [row({ ratio: 1.51 }), false],
  [row({ scenario: "sequential_flat", n: 10_000, ratio: 1.3 }), false],
  [row({ scenario: "runs_1_step", n: 1_000, unit: "runs/s", value: 8_000 }), true],
  [row({ scenario: "runs_1_step", n: 1_000, unit: "runs/s", value: 7_999 }), false],
  [row({ scenario: "runs_1_step", n: 2, unit: "runs/s", value: 1 }), null],
  [row({ scenario: "cold_replay", n: 10_000, unit: "ms", value: 151 }), false],
  [row({ scenario: "memory_resident", n: 1_000, unit: "KB/run", value: 9.9 }), true],
  [row({ suite: "postgres", scenario: "runs_5_steps", n: 1_000, unit: "runs/s", value: 3_499 }), false],
  [row({ suite: "local", scenario: "runs_5_steps", n: 1_000, unit: "runs/s", value: 3_499 }), null],
  [row({ suite: "postgres", scenario: "parallel", n: 100, unit: "ms", value: 8 }), true],
  [row({ scenario: "guard", unit: "us/call", value: 9.9 }), null],
])("%j keeps its goal: %s", (given, expected) => {
  expect(keepsGoal(given)).toBe(expected);
});
