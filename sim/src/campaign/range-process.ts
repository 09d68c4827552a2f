/** The program of a child process of a campaign: runs the ranges of seeds that it is sent, and sends back what they came to. */
import type { SeedRange } from "./seed-range.ts";
import { runRange } from "./seed-range.ts";

process.on("message", (range: SeedRange) => {
  runRange(range).then(
    (summary) => process.send?.({ kind: "done", summary }),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ kind: "broken", text });
    },
  );
});
