/** The report as Markdown, and its head as aligned columns for a terminal. Pure. */
import type { PackageAudit, Summary } from "./summary.ts";

type Row = readonly string[];

/** The text of `report.md`. */
export function renderReport(summary: Summary, audits: readonly PackageAudit[], approvedBy: string): string {
  return `# Dependency audit

${headline(summary)}. Approved by ${approvedBy}.

## Licences

${markdownTable(["licence", "family", "packages"], licenceRows(summary))}

## The largest packages

${markdownTable(["package", "version", "files", "size"], packageRows(summary.largest))}

## All packages

${markdownTable(["package", "version", "licence", "files", "size", "sha256"], audits.map(auditRow))}
`;
}

/** The licences and the largest packages, as lines for a terminal. */
export function reportHead(summary: Summary): string {
  return [...columns(licenceRows(summary)), "", ...columns(packageRows(summary.largest))].join("\n");
}

/** The audit in one sentence, without its full stop. */
export function headline({ packageCount, fileCount, byteCount }: Summary): string {
  return `${packageCount} packages, ${fileCount.toLocaleString("en-US")} files, ${megabytes(byteCount)}`;
}

const megabytes = (byteCount: number): string => `${(byteCount / 1e6).toFixed(1)} MB`;

const licenceRows = ({ licences }: Summary): Row[] =>
  licences.map(({ name, family, packageCount }) => [name, family, String(packageCount)]);

const packageRows = (audits: readonly PackageAudit[]): Row[] =>
  audits.map(({ name, version, fileCount, byteCount }) => [name, version, String(fileCount), megabytes(byteCount)]);

const auditRow = ({ name, version, licence, fileCount, byteCount, sha256 }: PackageAudit): Row => [
  name,
  version,
  licence.name,
  String(fileCount),
  megabytes(byteCount),
  `\`${sha256.slice(0, 16)}\``,
];

function markdownTable(head: Row, rows: readonly Row[]): string {
  const line = (row: Row): string => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Cells under one another; numbers to the right. */
function columns(rows: readonly Row[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return /^[\d.]+( MB)?$/.test(cell) && column > 1 ? cell.padStart(width) : cell.padEnd(width);
    });
    return `  ${cells.join("  ")}`.trimEnd();
  });
}
