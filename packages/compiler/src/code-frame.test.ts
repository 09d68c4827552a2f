import { expect, test } from "vitest";
import { codeFrame } from "./code-frame.ts";
import { SourceText } from "./source-text.ts";

test("two lines before, one after, the caret under the column", () => {
  expect(`\n${codeFrame("one\ntwo\r\nthree\nfour\nfive", { line: 4, column: 3 })}`).toMatchInlineSnapshot(`
    "
      2 | two
      3 | three
    > 4 | four
        |   ^
      5 | five"
  `);
});

test("the first line, tabs, and numbers of different widths", () => {
  expect(`\n${codeFrame("\t\tx", { line: 1, column: 3 })}`).toMatchInlineSnapshot(`
    "
    > 1 | 		x
        | 		^"
  `);
  const text = Array.from({ length: 12 }, (_, index) => `line ${index + 1}`).join("\n");
  expect(`\n${codeFrame(text, { line: 10, column: 1 })}`).toMatchInlineSnapshot(`
    "
       8 | line 8
       9 | line 9
    > 10 | line 10
         | ^
      11 | line 11"
  `);
});

test("a very long line is cut around the caret", () => {
  const frame = codeFrame(`${"a".repeat(5000)}!${"b".repeat(5000)}`, { line: 1, column: 5001 }).split("\n");
  expect(frame[0]?.length).toBeLessThan(140);
  expect(frame[0]?.[frame[1]?.indexOf("^") ?? -1]).toBe("!");
});

test("offsets and places agree for every kind of line end", () => {
  const source = new SourceText("a.ts", "ab\ncd\r\ne😀f\rg");
  for (let offset = 0; offset <= source.text.length; offset++) {
    expect(source.offset(source.position(offset))).toBe(offset);
  }
  expect(source.position(source.text.indexOf("f"))).toEqual({ line: 3, column: 4 });
  expect(source.position(source.text.indexOf("g"))).toEqual({ line: 4, column: 1 });
  expect(source.position(10_000)).toEqual({ line: 4, column: 2 });
});
