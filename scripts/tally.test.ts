import { expect, test } from "vitest";
import { summaryLine, tallyTests } from "./tally.ts";

const passed = { status: "passed" };
const failed = { status: "failed" };
const good = { status: "passed", assertionResults: [passed, passed] };

test("tests are counted one by one, over all files", () => {
  const bad = { status: "failed", assertionResults: [passed, failed, failed] };
  expect(tallyTests({ testResults: [good, bad] }, 1)).toEqual({ passed: 3, failed: 2 });
});

test("a file that did not load counts as one failure", () => {
  const unloaded = { status: "failed", assertionResults: [] };
  expect(tallyTests({ testResults: [good, unloaded] }, 1)).toEqual({ passed: 2, failed: 1 });
});

test("a hook that threw after passing tests counts as one failure", () => {
  const torn = { status: "failed", assertionResults: [passed] };
  expect(tallyTests({ testResults: [torn] }, 1)).toEqual({ passed: 1, failed: 1 });
});

test("a run that ended badly is never counted as good", () => {
  expect(tallyTests({ testResults: [good] }, 1)).toEqual({ passed: 2, failed: 1 });
  expect(tallyTests(undefined, 0)).toEqual({ passed: 0, failed: 1 });
  expect(tallyTests(undefined, 1)).toEqual({ passed: 0, failed: 1 });
});

test("the summary adds everything up in one line", () => {
  const tallies = [
    { passed: 3, failed: 0 },
    { passed: 1, failed: 2 },
  ];
  expect(summaryLine(tallies)).toBe("4 passed, 2 failed");
});
