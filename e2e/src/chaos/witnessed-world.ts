/** The real world, with an outsider between it and the engine who writes down what the store acknowledged before the engine learns of it. */
import type { World } from "@perdure/world";
import { acknowledge } from "../crash/acknowledge.ts";
import type { Ledger } from "../crash/ledger.ts";

export function witnessedWorld(world: World, ledger: Ledger): World {
  return {
    ...world,
    runs: {
      ...world.runs,
      async create(request) {
        if (request.eager !== null) ledger.write({ kind: "claim", run: request.runId, epoch: 1 });
        return await world.runs.create(request);
      },
    },
    log: {
      ...world.log,
      async append(runId, request) {
        const result = await world.log.append(runId, request);
        if (result.kind === "appended") acknowledge(ledger, runId, request);
        return result;
      },
    },
    claims: {
      ...world.claims,
      async claim(request) {
        const result = await world.claims.claim(request);
        for (const { run, epoch } of result.runs) ledger.write({ kind: "claim", run: run.runId, epoch });
        return result;
      },
    },
  };
}
