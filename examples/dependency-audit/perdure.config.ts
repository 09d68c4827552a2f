import { defineConfig } from "perdure/config";

/** Reading and hashing keep a disk and a core busy with a few packages; more at once would only be more to do again after a crash. */
export default defineConfig({ worker: { stepsPerRun: 8 } });
