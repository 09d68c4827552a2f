export type { DevCommand, WorldName } from "./command-line.ts";
export { type CliEnvironment, type DevOutput, main, type OutputStream } from "./main.ts";
