import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { bundleId, packBundle, type StoredBundle, unpackBundle } from "./bundle.ts";
import { guestAbi, guestSource } from "./guest-source.ts";

const bundle: StoredBundle = {
  abi: guestAbi,
  guest: guestSource,
  code: "(function () {})",
  map: "{}",
  workflows: ["w"],
};

describe("a stored bundle", () => {
  it("comes back as it was, under the same id", () => {
    const { id, bytes } = packBundle(bundle);
    expect(unpackBundle(bytes)).toEqual({ id, ...bundle });
    expect(id).toMatch(/^bndl_[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it("has an id that depends on guest and code, and not on map and list", () => {
    const id = bundleId(bundle);
    expect(packBundle({ ...bundle, map: null, workflows: [] }).id).toBe(id);
    expect(packBundle({ ...bundle, code: "(function () { })" }).id).not.toBe(id);
    expect(packBundle({ ...bundle, guest: "0" }).id).not.toBe(id);
  });

  const packed = (record: unknown) => Buffer.concat([Buffer.from("PDB1"), gzipSync(JSON.stringify(record))]);

  it.each([
    ["another start", Buffer.from("nonsense"), /do not start/],
    ["nothing", new Uint8Array(0), /do not start/],
    ["a body that does not unpack", Buffer.from("PDB1xxxx"), /do not unpack/],
    ["a body cut short", packBundle(bundle).bytes.subarray(0, 50), /do not unpack/],
    ["no record", packed(null), /hold no record/],
    ["another ABI", packed({ ...bundle, abi: 2 }), /needs guest ABI 2/],
    ["no code", packed({ ...bundle, code: undefined }), /a field is missing/],
    ["a list that is none", packed({ ...bundle, workflows: "w" }), /a field is missing/],
  ])("of %s is undecodable", (_name, bytes, sentence) => {
    expect(() => unpackBundle(bytes)).toThrow(
      expect.objectContaining({ code: "UNDECODABLE", message: expect.stringMatching(sentence) }),
    );
  });
});
