export { createLocalWorld, type LocalWorldOptions, localWorld } from "./local-world.ts";
