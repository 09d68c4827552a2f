/** What a scenario is, and what its process gives it. */
import { invariant } from "@perdure/errors";
import type { Floor } from "./floor.ts";
import type { Round } from "./rounds.ts";
import type { Measurement } from "./row.ts";

/** What a scenario's process is told. Plain data: it crosses a process boundary. */
export interface ScenarioOrder {
  readonly scenario: string;
  /** The file of `scenarios/` that holds its code. */
  readonly family: string;
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** An empty directory, or the one that an earlier part of the same scenario has filled. */
  readonly directory: string;
  /** The PostgreSQL database of the suite `postgres`; null: the embedded world, on a file in the directory. */
  readonly database: DatabaseOrder | null;
  /** Where to write CPU profiles; null: nowhere. */
  readonly profiles: string | null;
  /** For a part of a scenario that needs a process of its own; null for the scenario itself. */
  readonly part: ScenarioPart | null;
}

/** An empty database, or the one that an earlier part of the same scenario has filled, by its URLs. */
export interface DatabaseOrder {
  /** Over the server's Unix socket. */
  readonly url: string;
  /** Over TCP loopback. */
  readonly tcpUrl: string;
}

/** What a scenario does in another process: one of its rounds, or what the two processes do together. */
export interface ScenarioPart {
  readonly name: string;
  readonly size: number;
  /** The directory of the part's store, when that is a file. */
  readonly directory: string;
}

/** What a scenario works with, in its process. */
export interface ScenarioContext {
  readonly order: ScenarioOrder;
  readonly floor: Floor;
  report(measurement: Measurement): void;
  /** How a part that is a round answers. */
  answer(round: Round): void;
  /** How a part that serves the scenario says that it is ready; resolves when it is to end. */
  serve(): Promise<void>;
  /** Milliseconds that the work took; writes a profile of it when profiles are wanted. */
  timed(label: string, work: () => Promise<void>): Promise<number>;
  /** Runs a part of this scenario in a fresh process, to its end; resolves to the one round that it answered. */
  runPart(part: ScenarioPart): Promise<Round>;
  /** Starts a part in a fresh process; resolves, when that is ready, to what ends it. */
  startPart(part: ScenarioPart): Promise<() => Promise<void>>;
}

/** The code of a scenario family, loaded in its process. */
export interface ScenarioModule {
  readonly run: (context: ScenarioContext) => Promise<void>;
}

/** The database of a scenario that only the suite `postgres` has. */
export function databaseOf({ order }: ScenarioContext): DatabaseOrder {
  invariant(order.database !== null, `Scenario ${order.scenario} is one of a PostgreSQL server.`);
  return order.database;
}
