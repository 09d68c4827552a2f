/** What a step leaves in the write-ahead log and in the tables, each right after a checkpoint. */
import { start, startWorker } from "perdure/api";
import { Client } from "pg";
import { type Round, summarize } from "../rounds.ts";
import { databaseOf, type ScenarioContext } from "../scenario.ts";
import { ServerCounters } from "../server-counters.ts";
import { bytesByStep } from "../step-bytes.ts";
import { inSequence } from "../workflows/echo.ts";

/** Tables with their indexes and what lies outside of the rows. */
const tableSize = `SELECT sum(pg_total_relation_size(c.oid)) AS size FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'`;

interface Growth {
  readonly log: number;
  readonly tables: number;
}

export async function run(context: ScenarioContext): Promise<void> {
  const { sizes, rounds } = context.order;
  const { url } = databaseOf(context);
  const counters = await ServerCounters.open(url);
  const client = new Client(url);
  await client.connect();
  const worker = await startWorker();
  const measure = (schema: string, work: () => Promise<unknown>) => growth(client, counters, schema, work);
  for (const n of sizes) {
    const bytes = await bytesByStep(() => start(inSequence, [n]), n);
    const measured: { readonly log: Round; readonly tables: Round }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floor = await measure("floor", async () => context.floor.commits(n, bytes));
      const ours = await measure("perdure", async () => (await start(inSequence, [n])).returnValue);
      measured.push({
        log: { value: ours.log / n, floor: floor.log / n },
        tables: { value: ours.tables / n, floor: floor.tables / n },
      });
    }
    for (const part of ["log", "tables"] as const) {
      const subject = { scenario: `bytes_${part}`, n, unit: "B/step" } as const;
      context.report(
        summarize(
          subject,
          measured.map((round) => round[part]),
        ),
      );
    }
  }
  await worker.stop();
  await client.end();
  await counters.close();
}

async function growth(
  client: Client,
  counters: ServerCounters,
  schema: string,
  work: () => Promise<unknown>,
): Promise<Growth> {
  const sizeNow = async (): Promise<number> => {
    const { rows } = await client.query<{ readonly size: string }>(tableSize, [schema]);
    return Number(rows[0]?.size);
  };
  await client.query("CHECKPOINT");
  const before = { log: await counters.logBytes(), tables: await sizeNow() };
  await work();
  return { log: (await counters.logBytes()) - before.log, tables: (await sizeNow()) - before.tables };
}
