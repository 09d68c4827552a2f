import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folder = resolve(import.meta.dirname, "..");

test.each(["welcome.ts", "main.ts"])("%s stands in the README to the letter", (name) => {
  const readme = readFileSync(resolve(folder, "../../README.md"), "utf8");
  expect(readme).toContain(`\`\`\`ts\n// ${name}\n${readFileSync(join(folder, name), "utf8")}\`\`\``);
});

test("the sample runs to its end and prints what the workflow returned", async () => {
  const args = ["--import", "perdure/register", "main.ts"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  expect(stdout).toBe('"Welcome, user 42" is on its way to ada@example.org\n');
});
