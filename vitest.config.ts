import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@perdure/source"] },
  ssr: { resolve: { conditions: ["@perdure/source"], externalConditions: ["@perdure/source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "bench/src/**/*.test.ts", "examples/*/test/**/*.test.ts"],
    testTimeout: 30_000,
  },
});
