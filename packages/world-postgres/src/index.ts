export type { PostgresWorldOptions, RetentionOptions } from "./options.ts";
export { createPostgresWorld, type PostgresWorldFactory, postgresWorld } from "./postgres-world.ts";
