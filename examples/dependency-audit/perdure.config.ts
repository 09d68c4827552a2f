import { defineConfig } from "perdure/config";

export default defineConfig({
  worker: {
    // A few packages at once keep a disk and a core busy; more would only be more to do again after a crash.
    stepsPerRun: 8,
    // A killed worker's run is free for the next one after two seconds; the default is four.
    leaseMs: 2_000,
  },
});
