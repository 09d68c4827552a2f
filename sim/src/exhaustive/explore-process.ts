/**
 * A process that explores one small program and prints what came of it as one line of JSON. Arguments: the program's name,
 * and edits of the engine as JSON, if any. A path that is broken is taken again by its list of choices.
 */
import { install } from "../mutants/install.ts";
import type { Edit } from "../mutants/mutant.ts";

const [name = "", edits = "[]"] = process.argv.slice(2);
await install({ name, breaks: name, invariants: [], edits: JSON.parse(edits) as readonly Edit[] });
const { smallPrograms } = await import("./small-programs.ts");
const { explore, replay } = await import("./explore.ts");
const program = smallPrograms.find((candidate) => candidate.name === name);
if (program === undefined) throw new TypeError(`There is no small program "${name}".`);
const explored = await explore(program);
const again = explored.broken === null ? null : await replay(program, explored.broken.choices);
process.stdout.write(`${JSON.stringify({ ...explored, again })}\n`);
// Whatever a defective engine left running is not waited for.
process.exit(0);
