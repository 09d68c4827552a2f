/** Configuration: `perdure.config.ts`, or `configure()` in code. */
import type { PerdureConfiguration } from "./project/configuration.ts";

export { createLocalWorld, type LocalWorldOptions, localWorld } from "@perdure/world-local";
export type { PerdureConfiguration, WorldFactory } from "./project/configuration.ts";
export { configure } from "./project/world-source.ts";

/** Gives its argument back: it is there for the types and completions of `export default defineConfig({ … })`. */
export const defineConfig = (configuration: PerdureConfiguration): PerdureConfiguration => configuration;
