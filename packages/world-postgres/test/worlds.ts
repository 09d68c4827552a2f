/** Worlds that are closed when their test ends, on databases of one server. */
import { StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { afterEach, expect } from "vitest";
import { openStore, settingsOf } from "../src/open-store.ts";
import type { PostgresWorldOptions } from "../src/options.ts";
import type { Store } from "../src/store.ts";
import { worldOn } from "../src/world-on-store.ts";
import { CuttingProxy } from "./proxy.ts";
import { TestDatabases } from "./server.ts";

export interface OpenedWorld {
  readonly store: Store;
  readonly world: World;
}

/** The worlds of one test file. */
export class Worlds {
  readonly databases = new TestDatabases();
  readonly #opened: World[] = [];
  readonly #proxies: CuttingProxy[] = [];

  constructor() {
    afterEach(async () => {
      for (const world of this.#opened.splice(0)) await world.close();
      for (const proxy of this.#proxies.splice(0)) await proxy.close();
    });
  }

  async open(options: PostgresWorldOptions): Promise<OpenedWorld> {
    const store = await openStore(settingsOf(options), false);
    const world = worldOn(store);
    this.#opened.push(world);
    return { store, world };
  }

  /** A proxy to a new database. */
  async openProxy(): Promise<CuttingProxy> {
    const proxy = await CuttingProxy.to(await this.databases.create());
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Two worlds with connections of their own on a new database, as two processes would open it. */
  async openTwo(): Promise<readonly [World, World]> {
    const url = await this.databases.create();
    const { world: first } = await this.open({ url });
    const { world: second } = await this.open({ url });
    return [first, second];
  }
}

/** The `StoreError` that a call is rejected with. */
export async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await call.then(
    (value) => expect.fail(`expected an error, not ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!StoreError.is(error)) throw error;
  return error;
}
