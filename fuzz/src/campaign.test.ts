import { expect, test } from "vitest";
import { type CampaignResult, runCampaign } from "./campaign.ts";
import { type DefectName, defectNames } from "./deliberate-defects.ts";
import type { Rule } from "./judge.ts";
import { describeFinding, describeResult } from "./report.ts";

/** A deadline for the whole test, against a campaign that never ends. */
const deadlineMs = 15 * 60_000;
const seed = 20_261;

function campaign(executions: number, options: { readonly defect?: DefectName } = {}): Promise<CampaignResult> {
  return runCampaign({
    ...options,
    seed,
    executions,
    workers: 1,
    hangMs: options.defect === "hangs" ? 1_500 : 20_000,
    maxFindings: options.defect === undefined ? 20 : 1,
  });
}

test(
  "no input breaks a rule",
  async () => {
    const executions = process.env["PERDURE_LONG"] === "1" ? 1_000_000 : 100_000;
    const result = await campaign(executions);
    console.log(describeResult(result));
    expect(result.findings.map(describeFinding)).toEqual([]);
    expect(result.executed).toBe(executions);
    for (const [kind, { decoded, refused }] of Object.entries(result.tally.byKind)) {
      expect(decoded, kind).toBeGreaterThan(kind === "stale" || kind === "large" ? 0 : executions / 1_000);
      if (kind !== "valid") expect(refused, kind).toBeGreaterThan(0);
    }
  },
  deadlineMs,
);

/** What each deliberate defect has to be found as. */
const expectedRules: Readonly<Record<DefectName, readonly Rule[]>> = {
  acceptsWrongChecksum: ["checksum"],
  pollutesPrototype: ["pollution"],
  addsGlobal: ["pollution"],
  replacesMethod: ["pollution"],
  throwsTypeError: ["typed error"],
  hangs: ["time"],
  takesQuadraticTime: ["time"],
  takesTooMuchMemory: ["memory"],
  losesNegativeZero: ["round trip", "identity", "realm"],
  losesSharing: ["round trip", "identity"],
  runsCode: ["code"],
  readsPastTheEnd: ["round trip"],
  throwsForBundle: ["typed error"],
};

test.each(defectNames)(
  "a reader with a defect is found: %s",
  async (defect) => {
    const { findings } = await campaign(20_000, { defect });
    expect(findings.map(({ rule }) => rule)).toHaveLength(1);
    expect(expectedRules[defect]).toContain(findings[0]?.rule);
  },
  deadlineMs,
);

test("a campaign that is interrupted gives the figures so far", async () => {
  const interruption = new AbortController();
  const result = await runCampaign({
    seed,
    executions: 20_000,
    workers: 1,
    hangMs: 20_000,
    maxFindings: 1_000,
    defect: "acceptsWrongChecksum",
    signal: interruption.signal,
    onFinding: () => interruption.abort(),
  });
  expect(result.findings.length).toBeGreaterThan(0);
  expect(result.executed).toBeLessThan(20_000);
});

test("a finding says how to see it again, and seeing it again finds the same", async () => {
  const first = await campaign(5_000, { defect: "acceptsWrongChecksum" });
  const [finding] = first.findings;
  if (finding === undefined) return expect.unreachable("nothing was found");
  expect(describeFinding(finding)).toContain(`pnpm fuzz --replay ${seed}:${finding.index}`);
  const again = await runCampaign({
    seed,
    first: finding.index,
    executions: 1,
    workers: 1,
    hangMs: 20_000,
    maxFindings: 1,
    defect: "acceptsWrongChecksum",
  });
  expect(again.findings).toEqual([finding]);
});
