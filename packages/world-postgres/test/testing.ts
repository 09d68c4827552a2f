/** A server for tests and measurements of other packages, and connections to it that can be cut. Only this repository can import it. */
export { CuttingProxy } from "./proxy.ts";
export { startServer, type TestServer, withClient } from "./server-process.ts";
