/** Opens the store in the first argument as an unprivileged user and writes to it; prints the error's code and message. */
import { createLocalWorld } from "@perdure/world-local";
import { creation } from "./request-values.ts";

if (process.getuid?.() === 0) {
  process.setgid?.(65534);
  process.setuid?.(65534);
}
try {
  const world = await createLocalWorld({ path: process.argv[2] ?? "" });
  await world.runs.create(creation(1));
  await world.close();
  process.stdout.write(`${JSON.stringify({ code: null })}\n`);
} catch (error) {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  process.stdout.write(`${JSON.stringify({ code, message })}\n`);
}
