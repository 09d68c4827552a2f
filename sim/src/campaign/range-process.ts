/** The program of a child process of a campaign: runs the ranges of seeds that it is sent, and sends back what they came to. */
import { constants, setPriority } from "node:os";
import type { SeedRange } from "./seed-range.ts";
import { runRange } from "./seed-range.ts";

// Whatever else runs on the machine, tests of real time above all, comes first.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

process.on("message", (range: SeedRange) => {
  runRange(range).then(
    (summary) => process.send?.({ kind: "done", summary }),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ kind: "broken", text });
    },
  );
});
