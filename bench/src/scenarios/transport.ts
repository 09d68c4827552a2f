/** What TCP loopback adds to a commit: the one floor of all over both kinds of socket. */
import { PostgresFloor } from "../postgres-floor.ts";
import { type Round, summarize } from "../rounds.ts";
import { databaseOf, type ScenarioContext } from "../scenario.ts";

/** Bytes of a row, about those of a step's events. */
const rowBytes = 400;

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  const overTcp = await PostgresFloor.open(databaseOf(context).tcpUrl);
  for (const n of sizes) {
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floorMs = await context.floor.commits(n, rowBytes);
      const ms = await overTcp.commits(n, rowBytes);
      measured.push({ value: ms / n, floor: floorMs / n });
    }
    context.report(summarize({ scenario, n, unit: "ms" }, measured));
  }
  await overTcp.close();
}
