/** PostgreSQL refuses to be run by root: then a user that owns nothing runs it. */
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "@perdure/errors";

/** Whom a server runs as, in the form that `spawn` takes. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user `nobody` when this process is root's; null: the server runs as who runs this process. */
export function unprivilegedUser(): ServerUser | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  const [, , uid, gid] = users.find((line) => line.startsWith("nobody:"))?.split(":") ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  throw new StoreError("STORE_UNSUPPORTED", "PostgreSQL does not run as root, and there is no user `nobody` here.", {
    hint: "Run this as another user, or name a server that runs already with PERDURE_POSTGRES_URL.",
  });
}

/** Throws `StoreError` when the user cannot get to a folder because one above it is closed to others. */
export function requireReachable(folder: string, { uid }: ServerUser): void {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const found = statSync(at);
    if (found.uid === uid || (found.mode & 0o001) !== 0) continue;
    throw new StoreError(
      "STORE_UNSUPPORTED",
      `PostgreSQL does not run as root, and the user \`nobody\`, as whom it would run, cannot get into ${at}.`,
      {
        hint: `Run this as another user, open the folder (chmod o+x ${at}), or name a server that runs already with PERDURE_POSTGRES_URL.`,
      },
    );
  }
}
