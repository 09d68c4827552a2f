import { expect, test } from "vitest";
import { classifyLicence } from "../src/licence.ts";

test.each([
  ["MIT", "MIT", "permissive"],
  ["MIT OR Apache-2.0", "MIT OR Apache-2.0", "permissive"],
  ["(GPL-3.0-only OR MIT)", "(GPL-3.0-only OR MIT)", "permissive"],
  ["MIT AND MPL-2.0", "MIT AND MPL-2.0", "weak copyleft"],
  ["AGPL-3.0-only", "AGPL-3.0-only", "copyleft"],
  ["LGPL-2.1-or-later", "LGPL-2.1-or-later", "weak copyleft"],
  ["MIT AND (GPL-2.0-only OR ISC)", "MIT AND (GPL-2.0-only OR ISC)", "unknown"],
  ["SEE LICENSE IN terms.txt", "SEE LICENSE IN terms.txt", "unknown"],
  [{ type: "BSD-3-Clause" }, "BSD-3-Clause", "permissive"],
  [[{ type: "MIT" }, { type: "GPL-2.0-only" }], "MIT OR GPL-2.0-only", "permissive"],
  ["", "none", "unknown"],
  [undefined, "none", "unknown"],
  [17, "none", "unknown"],
])("the licence field %j is %s, %s", (field, name, family) => {
  expect(classifyLicence(field)).toEqual({ name, family });
});
