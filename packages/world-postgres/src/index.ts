export type { PostgresWorldOptions } from "./options.ts";
export { createPostgresWorld, postgresWorld } from "./postgres-world.ts";
