import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";
import { bundleOf, History, realmFor } from "../replay/history.testing.ts";

/** A module with all that it imports as the body of a bundle. */
async function bundled(file: string): Promise<string> {
  const bundle = await rolldown({ input: fileURLToPath(new URL(file, import.meta.url)), platform: "neutral" });
  const { output } = await bundle.generate({ format: "cjs" });
  await bundle.close();
  return `const exports = {};\n${output[0].code}`;
}

const order = { id: "o-1", at: "2026-01-02T03:04:05Z", email: "a@b.co", url: "https://a.example/b" };

describe("zod", () => {
  let moduleCode = "";
  beforeAll(async () => {
    moduleCode = await bundled("./fixtures/zod-workflow.ts");
  });

  it.each(["shared", "run"] as const)("works unchanged in a realm (%s)", (isolation) => {
    const bundle = bundleOf("async (input, language) => exports.check(input, language)", moduleCode);
    const run = new History(bundle, { isolation }).start(order, "en");
    expect(run.result()).toEqual({
      before: false,
      data: { ...order, at: new Date(order.at), lines: [] },
      issues: [],
      thrown: "true ZodError",
    });
    run.replaysEqually();
  });

  it("keeps what it writes to the global within one execution", () => {
    const bundle = bundleOf("async (input, language) => exports.check(input, language)", moduleCode);
    const realm = realmFor(bundle);
    const results = ["en", "de", "en"].map((language, index) =>
      new History(bundle, { realm, runId: `wrun_${index}` }).start({ ...order, id: 5 }, language).result(),
    );
    const issues = results.map((result) => (result as { readonly issues: string[] }).issues);
    expect(issues).toEqual([["id en: no"], ["id de: no"], ["id en: no"]]);
  });
});
