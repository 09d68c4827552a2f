export { type CliEnvironment, main, type OutputStream } from "./main.ts";
