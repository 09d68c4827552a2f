/** A server for tests and measurements of other packages, a pooler before it, and connections to it that can be cut. Only this repository can import it. */
export { archiverMissing, dump, restoreDump } from "./backup.ts";
export { Pooler, poolerMissing } from "./pooler.ts";
export { CuttingProxy } from "./proxy.ts";
export { startServer, type TestServer, withClient } from "./server-process.ts";
