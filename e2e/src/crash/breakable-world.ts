/**
 * The real world, with an outsider between it and the engine: it writes down what the store acknowledged before the engine learns of
 * it, marks which writes are in flight, and kills the process where the plan says.
 */
import type { AppendRequest, AppendResult, CreateRequest, World } from "@perdure/world";
import { acknowledge } from "./acknowledge.ts";
import type { FaultPoints } from "./fault-points.ts";
import type { Ledger } from "./ledger.ts";
import type { StatusFile, StruckWrite } from "./status-file.ts";

export interface Outsider {
  readonly faults: FaultPoints;
  readonly ledger: Ledger;
  readonly status: StatusFile;
}

export function breakableWorld(world: World, outsider: Outsider): World {
  return {
    ...world,
    runs: { ...world.runs, create: (request) => create(world, outsider, request) },
    log: { ...world.log, append: (runId, request) => append(world, outsider, runId, request) },
    claims: {
      ...world.claims,
      async claim(request) {
        const result = await world.claims.claim(request);
        if (result.runs.length > 0) outsider.faults.reach("after-claim");
        return result;
      },
      async release(runId, request) {
        outsider.faults.reach("before-release");
        return await world.claims.release(runId, request);
      },
      heartbeatThread: () => strikeableHeartbeat(world, outsider),
    },
  };
}

async function create(world: World, { faults, status }: Outsider, request: CreateRequest) {
  faults.reach("before-create");
  status.enter();
  try {
    const survive = faults.strikeDuring("create-in-flight", { kind: "create", runId: request.runId });
    const result = await world.runs.create(request);
    await survive();
    faults.reach("create-unanswered");
    return result;
  } finally {
    status.leave();
  }
}

async function append(
  world: World,
  { faults, ledger, status }: Outsider,
  runId: string,
  request: AppendRequest,
): Promise<AppendResult> {
  faults.reach("before-append");
  if (request.by === "driver" && request.release !== null) faults.reach("before-release");
  status.enter();
  try {
    const survive = faults.strikeDuring("append-in-flight", struckAppend(runId, request));
    const result = await world.log.append(runId, request);
    await survive();
    if (result.kind === "appended") acknowledge(ledger, runId, request);
    faults.reach("append-unanswered");
    return result;
  } finally {
    status.leave();
  }
}

function struckAppend(runId: string, request: AppendRequest): StruckWrite {
  const [epoch, after] = request.by === "driver" ? [request.epoch, request.after] : [0, 0];
  return { kind: "append", runId, epoch, after };
}

/** The world's own source runs inside of this one. A beat that is struck does not return. */
const strikeableSource = `"use strict";
const vm = require("node:vm");
module.exports = ({ source, data, strike }) => {
  const inner = { exports: {} };
  vm.compileFunction(source, ["module", "exports", "require"])(inner, inner.exports, require);
  const beats = inner.exports(data);
  const words = new Int32Array(strike.trigger, 0, 1);
  let count = 0;
  return {
    beat(worker) {
      count += 1;
      if (count === strike.nth) {
        new Float64Array(strike.trigger, 8, 1)[0] = strike.delayMs;
        Atomics.store(words, 0, 1);
        Atomics.notify(words, 0);
      }
      beats.beat(worker);
      if (count === strike.nth) Atomics.wait(words, 0, 1);
    },
    close: () => beats.close(),
  };
};
`;

function strikeableHeartbeat(world: World, { faults }: Outsider): ReturnType<World["claims"]["heartbeatThread"]> {
  const inner = world.claims.heartbeatThread();
  const strike = faults.heartbeatStrike();
  if (inner === null || strike === null) return inner;
  return { source: strikeableSource, data: { source: inner.source, data: inner.data, strike } };
}
