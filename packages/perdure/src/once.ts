/** What steps import that write to a PostgreSQL database in which their runs are not kept. */
export { type OnceOptions, type OnceTransactionOptions, once, onceIn } from "./exactly-once/once.ts";
export type { OnceConnection, OncePool } from "./exactly-once/pool.ts";
export {
  createOnceTable,
  type OnceTableOptions,
  onceTableSql,
  type PurgeOnceOptions,
  purgeOnce,
} from "./exactly-once/table.ts";
