import type { DoctorFinding } from "@perdure/world";

/** What a check has found; the advice is given only where something is wrong. */
export function finding(
  check: string,
  found: string,
  wrong: "warning" | "problem" | null,
  advice: string,
): DoctorFinding {
  return { check, level: wrong ?? "ok", found, advice: wrong === null ? null : advice };
}
