/** The audit as one durable function. Read it as if nothing could go wrong: what goes wrong is Perdure's part. */
import { createHook, FatalError, sleep } from "perdure";
import { type Approval, approvalToken } from "./approval.ts";
import { auditPackage, listPackages, writeReport } from "./steps.ts";
import { type Summary, summarise } from "./summary.ts";

/** Audits every package that is installed below a folder, asks a person, and writes the report. Returns what the report says. */
export async function auditDependencies(root: string): Promise<Summary> {
  "use workflow";

  const folders = await listPackages(root);
  const audits = await Promise.all(folders.map((folder) => auditPackage(folder)));
  const summary = summarise(audits);

  // A second here, a month elsewhere: no process has to live through it.
  await sleep("1s");

  using approval = createHook<Approval>({ token: approvalToken, metadata: summary });
  const { approved, by } = await approval;
  if (!approved) throw new FatalError(`${by} did not approve the report.`);

  await writeReport(summary, audits, by);
  return summary;
}
