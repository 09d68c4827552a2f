/** What must hold of the log of a run, whoever wrote it and whoever reads it (R1, R3, R5). */
import { expect } from "vitest";
import { decisionsAfter, decisionText, isEndedLog, type LiveRun, readBack } from "./generated-runs.testing.ts";

/** Reads a log back from every prefix, in chunks, without a memo and in a realm of its own. Throws when one differs. */
export function checkLog(run: LiveRun): void {
  const { bundle, log } = run;
  expect(isEndedLog(log)).toBe(true);
  const whole = readBack(bundle, log);
  expect(whole).toMatchObject({ fault: null, planned: [] });
  for (const event of log) {
    const { fault, planned } = readBack(bundle, log.slice(0, event.position), { memo: null });
    expect(fault).toBe(null);
    const expected = decisionsAfter(log, event.position).map(decisionText);
    expect(planned.map(decisionText).slice(0, expected.length)).toEqual(expected);
  }
  for (const chunk of [1, 2, 7]) expect(readBack(bundle, log, { chunk })).toEqual(whole);
  expect(readBack(bundle, log, { isolation: "run" })).toEqual(whole);
}

/** A log without what names the mode that wrote it. */
export const comparable = (run: LiveRun) =>
  run.log.map((event) => ({ ...event, data: event.type === "run_created" ? null : event.data }));
