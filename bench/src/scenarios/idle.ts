/** What a worker that has nothing to do asks of the server: its looks for work, and its heartbeat. */
import { start, startWorker } from "perdure/api";
import { type Round, summarize } from "../rounds.ts";
import { databaseOf, type ScenarioContext } from "../scenario.ts";
import { ServerCounters } from "../server-counters.ts";
import { plain } from "../workflows/echo.ts";

const msPerSecond = 1_000;

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  const counters = await ServerCounters.open(databaseOf(context).url);
  const worker = await startWorker();
  await (await start(plain, [1])).returnValue;
  await counters.settled();
  for (const n of sizes) {
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push({ value: await counters.transactionRate(n * msPerSecond), floor: null });
    }
    context.report(summarize({ scenario, n, unit: "transactions/s" }, measured));
  }
  await worker.stop();
  await counters.close();
}
