import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Where the run leaves its machine-readable report; unset means none is written. */
const reportFile = process.env["PERDURE_TEST_REPORT"];

/** Workspace packages resolve to their TypeScript sources, so that a test never sees a stale build; then Vite's own. */
const conditions = ["@perdure/source", "module", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@perdure/source", "node", "module-sync"] } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "e2e/src/**/*.test.ts",
      "fuzz/src/**/*.test.ts",
      "sim/src/**/*.test.ts",
      "examples/*/test/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "**/fixtures/**"],
    globalSetup: ["packages/core/scripts/guest-global-setup.ts"],
    pool: "forks",
    // Many tests wait for servers, disks and processes of their own: a core is not kept back.
    maxWorkers: availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    silent: "passed-only",
    reporters: reportFile === undefined ? ["default"] : ["default", ["json", { outputFile: reportFile }]],
  },
});
