/** The real world, with an outsider between it and the engine who writes down what the store acknowledged before the engine learns of it. */
import { type AppendRequest, isTerminalType, type World } from "@perdure/world";
import { acknowledge } from "../crash/acknowledge.ts";
import type { Ledger } from "../crash/ledger.ts";
import type { UnsignedChaosEntry } from "./ledger-entries.ts";

export function witnessedWorld(world: World, ledger: Ledger<UnsignedChaosEntry>): World {
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
        if (result.kind !== "appended") return result;
        acknowledge(ledger, runId, request);
        if (endsRun(request)) ledger.write({ kind: "end", run: runId });
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
    steps: {
      ...world.steps,
      async claim(request) {
        const result = await world.steps.claim(request);
        for (const { job } of result.jobs) {
          const { runId: run, correlationId: step, attempt, delivery } = job;
          ledger.write({ kind: "take", run, step, attempt, delivery });
        }
        return result;
      },
    },
  };
}

function endsRun(request: AppendRequest): boolean {
  if (request.by === "driver") return request.decisions.some(({ type }) => isTerminalType(type));
  return isTerminalType(request.fact.type);
}
