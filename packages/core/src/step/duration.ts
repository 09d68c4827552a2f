import { InvalidDurationError } from "@perdure/errors";

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_557_600_000,
};

const unitNames: Readonly<Record<string, string>> = {
  ms: "ms",
  msec: "ms",
  msecs: "ms",
  millisecond: "ms",
  milliseconds: "ms",
  s: "s",
  sec: "s",
  secs: "s",
  second: "s",
  seconds: "s",
  m: "m",
  min: "m",
  mins: "m",
  minute: "m",
  minutes: "m",
  h: "h",
  hr: "h",
  hrs: "h",
  hour: "h",
  hours: "h",
  d: "d",
  day: "d",
  days: "d",
  w: "w",
  week: "w",
  weeks: "w",
  y: "y",
  yr: "y",
  yrs: "y",
  year: "y",
  years: "y",
};

const durationPattern = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i;

/**
 * Milliseconds of a duration: a number of milliseconds, or text such as `"10s"`, `"5m"`, `"2 hours"`, `"1 day"`,
 * `"1w"`; a year is 365.25 days. Throws `InvalidDurationError` for anything else, negative and infinite numbers included.
 */
export function durationMs(duration: number | string): number {
  if (typeof duration === "number") {
    if (Number.isFinite(duration) && duration >= 0) return Math.round(duration);
    throw new InvalidDurationError(String(duration));
  }
  const match = typeof duration === "string" ? durationPattern.exec(duration.trim()) : null;
  const unit = match?.[2] === undefined ? undefined : unitNames[match[2].toLowerCase()];
  const ms = unit === undefined ? undefined : unitMs[unit];
  if (match === null || ms === undefined) throw new InvalidDurationError(JSON.stringify(duration));
  return Math.round(Number(match[1]) * ms);
}
