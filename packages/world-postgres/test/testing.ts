/** A server for the tests of other packages. Only this repository can import it. */
export { TestDatabases, withClient } from "./server.ts";
