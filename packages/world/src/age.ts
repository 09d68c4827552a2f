/** How old something has to be, as people write it: `90s`, `15m`, `12h`, `30d`, `8w`. */

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** The age in milliseconds; null for a text that is none. */
export function parseAge(text: string): number | null {
  const [, count, unit] = /^(\d{1,6})([a-z])$/.exec(text) ?? [];
  const perUnit = unit === undefined ? undefined : unitMs[unit];
  return perUnit === undefined ? null : Number(count) * perUnit;
}
