import { encode, inputDigest, packPayload } from "@perdure/serde";

/** The recorded form of a workflow's arguments, and their digest. Throws `SerializationError` with the path. */
export function workflowInput(
  args: readonly unknown[],
  workflowName: string,
): { readonly bytes: Uint8Array; readonly digest: string } {
  const what = `the arguments of workflow ${workflowName}`;
  const encoded = encode(args, { what });
  const canonical = encoded.hasStack ? encode(args, { what, stacks: false }) : encoded;
  return { bytes: packPayload(encoded), digest: inputDigest(canonical.text, canonical.blobs) };
}
