/**
 * Refuses a Node that is too old, before anything else is loaded. Entry points that run on their own (`register`, the command
 * line) import this file first. It imports nothing that an old Node lacks.
 */
import { UnsupportedNodeError } from "@perdure/errors";

/** The oldest version that has everything the loader needs: `module.registerHooks` came with 22.15. */
const oldest = { major: 22, minor: 15 };

/** Throws `UnsupportedNodeError` when the version, such as `22.14.0`, is older than Perdure supports. */
export function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return;
  throw new UnsupportedNodeError(version, `${oldest.major}.${oldest.minor}`);
}
