/**
 * Runs the body of a transactional step, and kills itself with a signal before a statement of its transaction, or after the
 * last one.
 *
 * Arguments: URL, namespace, number of the statement.
 */
import { createPostgresWorld } from "@perdure/world-postgres";
import { charge, watchStatements } from "./step-values.ts";

const [url = "", namespace = "", at = ""] = process.argv.slice(2);
const die = (): void => void process.kill(process.pid, "SIGKILL");
const world = await createPostgresWorld({ url, namespace });
watchStatements(async (count) => {
  if (count === Number(at)) die();
});
await charge(world);
die();
