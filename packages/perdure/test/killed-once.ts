/**
 * Runs a step that writes once, and kills itself with a signal before a statement of its transaction, or after the last one.
 *
 * Arguments: URL, number of the statement.
 */
import { Pool } from "pg";
import { charge, watched } from "./once-steps.ts";

const [url = "", at = ""] = process.argv.slice(2);
const die = (): void => void process.kill(process.pid, "SIGKILL");
const pool = watched(new Pool({ connectionString: url }), async (count) => {
  if (count === Number(at)) die();
});
await charge(pool, "killed");
die();
