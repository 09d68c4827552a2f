import { describe, expect, it } from "vitest";
import { given, runStartAt } from "../../../replay/history.testing.ts";
import { evaluate } from "../../evaluate.testing.ts";

const startedAt = runStartAt + 1_000;

describe("Date on the log clock", () => {
  it.each([
    ["Date.now()", startedAt],
    ["new Date().getTime()", startedAt],
    ["+new Date()", startedAt],
    ["new Date().constructor.now()", startedAt],
    ["new (class extends Date {})().getTime()", startedAt],
    ["new (class extends Date { constructor() { super(); } })().constructor.now()", startedAt],
    ["Reflect.construct(Date, [], Object).getTime === undefined", true],
    ["Date.prototype.constructor === Date", true],
    ["new Date() instanceof Date", true],
    ["new (class Later extends Date { later() { return this.getTime() + 1; } })(5).later()", 6],
    ["Object.prototype.toString.call(new Date())", "[object Date]"],
    ["Date.name + Date.length", "Date7"],
    ["new Date(new Date(5)).getTime()", 5],
    ["new Date('5').getTime() === new Date(new String('5')).getTime()", true],
    ["performance.now()", 0],
    ["performance.timeOrigin", startedAt],
  ])("%s", (expression, expected) => {
    expect(evaluate(`return ${expression}`)).toBe(expected);
  });

  it("is that of the last fact that was delivered", () => {
    const run = given(`async () => {
      const times = [Date.now()];
      await step("a")();
      times.push(Date.now(), performance.now());
      await sleep(5);
      times.push(new Date().getTime());
      return times;
    }`)
      .start()
      .completes("a#1", 0)
      .later(60_000)
      .wakes("sleep#1")
      .replaysEqually();
    expect(run.result()).toEqual([startedAt, startedAt + 1_000, 1_000, startedAt + 62_000]);
  });
});

describe("local time is UTC, whatever the zone of the host", () => {
  const moment = Date.UTC(2024, 1, 29, 23, 59, 58, 7);

  it.each([
    [`new Date(${moment}).toString()`, "Thu Feb 29 2024 23:59:58 GMT+0000 (Coordinated Universal Time)"],
    [`Date().slice(0, 33)`, "Thu Jan 01 2026 12:00:01 GMT+0000"],
    [`new Date(${moment}).toDateString()`, "Thu Feb 29 2024"],
    [`new Date(${moment}).toTimeString()`, "23:59:58 GMT+0000 (Coordinated Universal Time)"],
    [
      `String(new Date(NaN)) + new Date(NaN).toDateString() + new Date(NaN).getTimezoneOffset()`,
      "Invalid DateInvalid DateNaN",
    ],
    [`new Date(${moment}).getHours()`, 23],
    [`new Date(${moment}).getDay()`, 4],
    [`new Date(${moment}).getYear()`, 124],
    [`new Date(${moment}).getTimezoneOffset()`, 0],
    [`new Date(${moment}).setHours(1, 2)`, Date.UTC(2024, 1, 29, 1, 2, 58, 7)],
    [`new Date(${moment}).setMonth(0)`, Date.UTC(2024, 0, 29, 23, 59, 58, 7)],
    [`new Date(${moment}).setYear(99)`, Date.UTC(1999, 2, 1, 23, 59, 58, 7)],
    ["new Date(2024, 1, 29, 23, 59, 58, 7).getTime()", moment],
    ["new Date(99, 0).getTime()", Date.UTC(1999, 0)],
    ["new Date(2024, NaN).getTime()", Number.NaN],
    ["new Date('2024-02-29T23:59:58.007').getTime()", moment],
    ["new Date('2024-02-29T23:59').getTime()", Date.UTC(2024, 1, 29, 23, 59)],
    ["new Date('2024-02-29T23:59:58.007Z').getTime()", moment],
    ["new Date('2024-02-29T23:59:58.007+02:00').getTime()", moment - 2 * 3_600_000],
    ["new Date('2024-02-29').getTime()", Date.UTC(2024, 1, 29)],
    ["new Date('2024-02-29 10:00').getTime()", Date.UTC(2024, 1, 29, 10)],
    ["new Date('2024/02/29').getTime()", Date.UTC(2024, 1, 29)],
    ["new Date('Feb 29, 2024').getTime()", Date.UTC(2024, 1, 29)],
    ["new Date('29 February 2024 10:30').getTime()", Date.UTC(2024, 1, 29, 10, 30)],
    ["Date.parse('Thu, 29 Feb 2024 10:30:00 GMT')", Date.UTC(2024, 1, 29, 10, 30)],
    ["Date.parse('Thu Feb 29 2024 10:30:00 GMT+0100 (CET)')", Date.UTC(2024, 1, 29, 9, 30)],
    ["Date.parse('Feb 29, 2024 10:30 PST')", Date.UTC(2024, 1, 29, 18, 30)],
    ["Date.parse('2024-2-9')", Date.UTC(2024, 1, 9)],
    ["Date.parse('nonsense')", Number.NaN],
  ])("%s", (expression, expected) => {
    const before = process.env["TZ"];
    process.env["TZ"] = "America/St_Johns";
    try {
      expect(new Date(2024, 1).getTimezoneOffset()).toBe(210);
      expect(evaluate(`return ${expression}`)).toEqual(expected);
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    }
  });
});

describe("texts for people use the run's locale and time zone", () => {
  const german = { locale: "de-DE", timeZone: "Asia/Tokyo" };

  it.each([
    ["new Date().toLocaleString()", "1/1/2026, 12:00:01 PM", "1.1.2026, 21:00:01"],
    ["new Date().toLocaleDateString()", "1/1/2026", "1.1.2026"],
    ["new Date().toLocaleTimeString('en-GB')", "12:00:01", "21:00:01"],
    ["new Date().toLocaleTimeString('en-GB', { timeZone: 'Europe/Paris' })", "13:00:01", "13:00:01"],
    ["new Intl.DateTimeFormat().format()", "1/1/2026", "1.1.2026"],
    ["Intl.DateTimeFormat().format(0)", "1/1/1970", "1.1.1970"],
    ["[0].map(new Intl.DateTimeFormat().format)[0]", "1/1/1970", "1.1.1970"],
    ["new Intl.DateTimeFormat('en-US').formatToParts().map((part) => part.value).join('')", "1/1/2026", "1/1/2026"],
    ["Intl.DateTimeFormat().resolvedOptions().timeZone", "UTC", "Asia/Tokyo"],
    ["new Intl.NumberFormat().format(1234.5)", "1,234.5", "1.234,5"],
    ["(1234.5).toLocaleString()", "1,234.5", "1.234,5"],
    ["[1234.5].toLocaleString()", "1,234.5", "1.234,5"],
    ["new Intl.Collator().resolvedOptions().locale", "en-US", "de"],
    ["new (class extends Intl.NumberFormat {})().format(1.5)", "1.5", "1,5"],
    ["new Intl.DateTimeFormat() instanceof Intl.DateTimeFormat", true, true],
    ["new Intl.Collator().constructor === Intl.Collator", true, true],
    ["(() => { const format = new Intl.DateTimeFormat(); return format.format === format.format; })()", true, true],
    ["'a'.localeCompare('b')", -1, -1],
  ])("%s", (expression, american, other) => {
    const normal = (value: unknown) => (typeof value === "string" ? value.replaceAll("\u202f", " ") : value);
    expect(normal(evaluate(`return ${expression}`))).toBe(american);
    expect(normal(evaluate(`return ${expression}`, german))).toBe(other);
  });
});
