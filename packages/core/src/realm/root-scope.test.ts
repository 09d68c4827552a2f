import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { runInRootScope } from "./root-scope.ts";

const before = new AsyncLocalStorage<string>();
const { runInRootScope: sameScope } = await import("./root-scope.ts");
const after = new AsyncLocalStorage<string>();

function stores(): (string | undefined)[] {
  return [before.getStore(), after.getStore()];
}

/** Calls `fn` with a store in both instances. */
async function withStores<T>(fn: () => T): Promise<Awaited<T>> {
  return await before.run("one", () => after.run("two", fn));
}

describe("runInRootScope", () => {
  it("hides the caller's stores, and gives them back", async () => {
    await withStores(() => {
      expect(stores()).toEqual(["one", "two"]);
      expect(sameScope(stores)).toEqual([undefined, undefined]);
      expect(stores()).toEqual(["one", "two"]);
    });
  });

  it("hides them from an instance that is made inside", async () => {
    await withStores(() => {
      const inner = new AsyncLocalStorage<string>();
      inner.run("three", () => {
        expect(runInRootScope(() => inner.getStore())).toBeUndefined();
        expect(inner.getStore()).toBe("three");
      });
    });
  });

  it("hides them from promises and timers that are started inside", async () => {
    const seen = await withStores(() =>
      runInRootScope(async () => {
        const first = stores();
        await null;
        const second = stores();
        await nextTurn();
        const third = stores();
        const fourth = await new Promise((resolve) => setTimeout(() => resolve(stores()), 1));
        const fifth = await Promise.resolve().then(
          () => new Promise((resolve) => process.nextTick(() => resolve(stores()))),
        );
        return [first, second, third, fourth, fifth];
      }),
    );
    expect(seen).toEqual(Array.from({ length: 5 }, () => [undefined, undefined]));
  });

  it("lets a store be set inside without the caller seeing it", async () => {
    await withStores(async () => {
      const inside = await runInRootScope(() =>
        before.run("inside", async () => {
          await null;
          return stores();
        }),
      );
      expect(inside).toEqual(["inside", undefined]);
      expect(stores()).toEqual(["one", "two"]);
    });
  });

  it("passes on what is returned and thrown, and can be entered again after an error", async () => {
    const thrown = new Error("mine");
    expect(() =>
      runInRootScope(() => {
        throw thrown;
      }),
    ).toThrow(thrown);
    await withStores(() => expect(runInRootScope(() => runInRootScope(stores))).toEqual([undefined, undefined]));
  });
});
