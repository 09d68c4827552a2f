import { UnsupportedNodeError } from "@perdure/errors";
import { expect, test } from "vitest";
import { requireNode } from "./node-version.ts";

test.each(["22.15.0", "22.20.1", "24.0.0", "26.1.0-nightly"])("Node %s is taken", (version) => {
  expect(() => requireNode(version)).not.toThrow();
});

test.each(["22.14.9", "20.20.2", "18.0.0", ""])("Node %j is refused by name", (version) => {
  expect(() => requireNode(version)).toThrow(UnsupportedNodeError);
  expect(() => requireNode(version)).toThrow(`Perdure needs Node 22.15 or newer, and this is Node ${version}.`);
});
