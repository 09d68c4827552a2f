import { afterEach, describe, expect, it, vi } from "vitest";
import { loadSqlite } from "./sqlite.ts";

afterEach(() => vi.restoreAllMocks());

describe("loading node:sqlite", () => {
  it("drops the experimental warning of the load and no other", () => {
    const heard: unknown[] = [];
    const emit = vi.spyOn(process, "emitWarning").mockImplementation((warning) => {
      heard.push(String(warning));
    });
    const load = process.getBuiltinModule;
    // Whether this Node warns by itself depends on its version; what an experimental one emits is emitted here.
    vi.spyOn(process, "getBuiltinModule").mockImplementation((name: string) => {
      process.emitWarning("SQLite is an experimental feature", "ExperimentalWarning");
      process.emitWarning("SQLite is an experimental feature", { type: "ExperimentalWarning" });
      process.emitWarning("something else is deprecated", "DeprecationWarning");
      process.emitWarning("plain");
      return load(name);
    });
    expect(typeof loadSqlite().DatabaseSync).toBe("function");
    expect(heard).toEqual(["something else is deprecated", "plain"]);
    expect(process.emitWarning).toBe(emit);
  });
});
