/** Links between the pages of the repository lead to files and headings that exist. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readTree } from "./source-tree.ts";

const root = join(import.meta.dirname, "..");

interface Link {
  readonly page: string;
  /** The file that is linked to, by its path from the root. */
  readonly file: string;
  readonly heading: string | undefined;
}

const pages = readTree(root).filter(({ path }) => path.endsWith(".md"));

/** The relative links of a page; what stands in code is no link. */
function linksOf(path: string, text: string): Link[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", heading] = target.split("#");
    return [{ page: path, file: file === "" ? path : join(dirname(path), file), heading }];
  });
}

/** The anchors of a page, as repository hosts make them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken({ file, heading }: Link): boolean {
  if (!existsSync(join(root, file))) return true;
  return heading !== undefined && !anchorsOf(readFileSync(join(root, file), "utf8")).includes(heading);
}

test("every relative link of a page leads somewhere", () => {
  const links = pages.flatMap(({ path, text }) => linksOf(path, text));
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter(isBroken)).toEqual([]);
});

test("a missing file and a missing heading are found", () => {
  const text = "[a](missing.md) [b](architecture.md#nowhere) [c](architecture.md) [d](https://example.org) `[e](f)`";
  expect(linksOf("docs/page.md", text).filter(isBroken)).toEqual([
    { page: "docs/page.md", file: "docs/missing.md", heading: undefined },
    { page: "docs/page.md", file: "docs/architecture.md", heading: "nowhere" },
  ]);
});
