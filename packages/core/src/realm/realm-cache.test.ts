import { describe, expect, it } from "vitest";
import { bundleOf, unguarded } from "../replay/history.testing.ts";
import { RealmCache } from "./realm-cache.ts";

const [first, second, third] = ["1", "2", "3"].map((text) => bundleOf(`async () => ${text}`)) as [
  ReturnType<typeof bundleOf>,
  ReturnType<typeof bundleOf>,
  ReturnType<typeof bundleOf>,
];

describe("RealmCache", () => {
  it("gives one shared realm per bundle, and a realm of its own per run", () => {
    const cache = new RealmCache({ guard: unguarded });
    const shared = cache.get(first, "shared");
    expect(cache.get(first, "shared")).toBe(shared);
    expect(cache.get(second, "shared")).not.toBe(shared);
    expect(cache.get(first, "run")).not.toBe(cache.get(first, "run"));
    expect(cache.size).toBe(2);
  });

  it("forgets the realm that was used longest ago", () => {
    const cache = new RealmCache({ guard: unguarded, realmsMax: 2 });
    const [one, two] = [cache.get(first, "shared"), cache.get(second, "shared")];
    cache.get(first, "shared");
    cache.get(third, "shared");
    expect(cache.size).toBe(2);
    expect(cache.get(first, "shared")).toBe(one);
    expect(cache.get(second, "shared")).not.toBe(two);
    expect(two.retired).toBe(false);
  });

  it("never gives a retired realm", () => {
    const cache = new RealmCache({ guard: unguarded });
    const shared = cache.get(first, "shared");
    cache.retire(shared);
    expect(shared.retired).toBe(true);
    const next = cache.get(first, "shared");
    next.retire();
    expect(cache.get(first, "shared").retired).toBe(false);
  });

  it("gives a fresh realm for a turn that is tried alone", () => {
    const cache = new RealmCache({ guard: unguarded });
    const shared = cache.get(first, "shared");
    expect(cache.create(first, "shared")).not.toBe(shared);
    expect(cache.get(first, "shared")).toBe(shared);
  });
});
