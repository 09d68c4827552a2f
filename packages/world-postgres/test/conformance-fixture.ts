/** Fresh and empty stores, each a namespace of one database, whose clock is in the hands of the suite. */
import type { World } from "@perdure/world";
import type { WorldFixture } from "@perdure/world/conformance";
import { Client } from "pg";
import { openStore, settingsOf } from "../src/open-store.ts";
import type { PostgresWorldOptions } from "../src/options.ts";
import { worldOn } from "../src/world-on-store.ts";
import type { TestDatabases } from "./server.ts";

/** In place of the server's clock: a row that tests set. */
const replacedClock = `CREATE TABLE perdure.test_clock (at bigint NOT NULL);
INSERT INTO perdure.test_clock VALUES (0);
CREATE OR REPLACE FUNCTION perdure.store_now() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT at FROM perdure.test_clock $$;`;

type Reach = (url: string) => PostgresWorldOptions | Promise<PostgresWorldOptions>;

export class Fixtures {
  readonly #databases: TestDatabases;
  readonly #reach: Reach;
  #opened: Promise<{ readonly options: PostgresWorldOptions; readonly client: Client }> | null = null;
  #count = 0;

  /** `reach` says how the worlds come to a database. */
  constructor(databases: TestDatabases, reach: Reach = (url) => ({ url })) {
    this.#databases = databases;
    this.#reach = reach;
  }

  readonly open = async (): Promise<WorldFixture> => {
    this.#opened ??= this.#prepare();
    const { options, client } = await this.#opened;
    this.#count += 1;
    return openFixture({ ...options, namespace: `case ${this.#count}` }, client);
  };

  async close(): Promise<void> {
    await (await this.#opened)?.client.end();
  }

  async #prepare() {
    const url = await this.#databases.create();
    const options = await this.#reach(url);
    await (await openWorld(options)).close();
    const client = new Client(url);
    await client.connect();
    await client.query(replacedClock);
    return { options, client };
  }
}

/** No reading of a clock that is set at will may be older than nothing. */
async function openWorld(options: PostgresWorldOptions): Promise<World> {
  return worldOn(await openStore({ ...settingsOf(options), clockLagMsMax: 0 }, false));
}

async function openFixture(options: PostgresWorldOptions, client: Client): Promise<WorldFixture> {
  let at = 1_700_000_000_000;
  let isSet: Promise<unknown> = Promise.resolve();
  const set = (moment: number): void => {
    at = moment;
    isSet = client.query("UPDATE perdure.test_clock SET at = $1", [moment]);
  };
  set(at);
  const open = async (): Promise<World> => afterSetting(await openWorld(options), () => isSet);
  let first = await open();
  let second: Promise<World> | null = null;
  const closeAll = async (): Promise<void> => {
    await first.close();
    await (await second)?.close();
    second = null;
  };
  return {
    world: () => first,
    second: () => {
      second ??= open();
      return second;
    },
    clock: { now: () => at, set },
    async restart() {
      await closeAll();
      first = await open();
    },
    close: closeAll,
  };
}

/** The suite sets its clock without waiting for it; every call of the world does, before it begins. */
function afterSetting(world: World, isSet: () => Promise<unknown>): World {
  const later =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await isSet();
      return call(...args);
    };
  const { runs, log, claims, hooks, bundles } = world;
  return {
    ...world,
    describe: later(world.describe),
    runs: { create: later(runs.create), get: runs.get, list: runs.list, waitForEnd: runs.waitForEnd },
    log: { read: log.read, append: later(log.append) },
    claims: {
      ...claims,
      heartbeat: later(claims.heartbeat),
      claim: later(claims.claim),
      poll: later(claims.poll),
      release: later(claims.release),
    },
    hooks,
    bundles: { put: later(bundles.put), get: bundles.get },
    park: later(world.park),
    unpark: later(world.unpark),
  };
}
