import { checkPackage, type Package } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Finding } from "../finding.ts";
import { entrySubpaths } from "../workspace.ts";
import type { Tarball } from "./tarballs.ts";

/**
 * Ways of resolution that no package here serves: all are ES modules with `exports`. CommonJS reaches them through
 * `require` of ES modules, which `consumer.ts` and the tests of the entry points try out.
 */
const notServed = new Set(["node10", "node16-cjs"]);

/** The findings of publint and Are The Types Wrong about one packed package. */
export async function checkResolution({ owner, bytes }: Tarball, files: Package): Promise<Finding[]> {
  const file = `${owner.folder}/package.json`;
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: bytes.buffer } });
  const analysis = await checkPackage(files, { entrypoints: entrySubpaths(owner.manifest) });
  const problems = analysis.types === false ? [] : analysis.problems;
  return [
    ...messages.map((message): Finding => {
      const text = formatMessage(message, pkg, { color: false }) ?? message.code;
      return { file, line: 1, rule: "publint", message: text };
    }),
    ...(analysis.types === false
      ? [{ file, line: 1, rule: "types", message: "The package has no types for its entry points." }]
      : []),
    ...problems
      .filter((problem) => !("resolutionKind" in problem && notServed.has(problem.resolutionKind)))
      .map((problem): Finding => ({ file, line: 1, rule: "types", message: JSON.stringify(problem) })),
  ];
}
