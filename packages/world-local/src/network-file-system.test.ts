import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { networkFileSystem } from "./network-file-system.ts";

describe("network file systems", () => {
  it.each([
    [0x6969, "NFS"],
    [0xff534d42, "CIFS"],
    [0xff534d42 | 0, "CIFS"],
    [0xfe534d42, "SMB2"],
  ])("are known by their number %i", (type, name) => {
    expect(networkFileSystem(type, "linux")).toBe(name);
  });

  it("are not seen in local ones, or where the numbers mean something else", () => {
    expect(networkFileSystem(0xef53, "linux")).toBeNull();
    expect(networkFileSystem(0x6969, "darwin")).toBeNull();
    expect(networkFileSystem(statfsSync(tmpdir()).type)).toBeNull();
  });
});
