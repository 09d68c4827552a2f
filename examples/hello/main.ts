import { start } from "perdure/api";
import { welcome } from "./welcome.ts";

const run = await start(welcome, ["ada@example.org"]);
console.log(await run.returnValue);
