import type { WakeHint, WorldWake } from "../world.ts";
import type { Session } from "./session.ts";

/** More runs than this in one turn of the event loop are told as one hint that anything may have changed. */
const namedHintsMax = 64;

/** Hints of one world. A listener is called after the change's own call has returned, once per run that changed. */
export function memoryWake(session: Session): WorldWake {
  return {
    listen(callback) {
      session.assertOpen();
      const changed = new Set<string>();
      const flush = () => {
        const runIds = [...changed];
        changed.clear();
        if (!session.space.listeners.has(listener)) return;
        const hints: WakeHint[] =
          runIds.length > namedHintsMax ? [{ runId: null }] : runIds.map((runId) => ({ runId }));
        for (const hint of hints) callback(hint);
      };
      const listener = (runId: string) => {
        if (changed.size === 0) queueMicrotask(flush);
        changed.add(runId);
      };
      session.space.listeners.add(listener);
      const forgetClose = session.onClose(() => session.space.listeners.delete(listener));
      return () => {
        session.space.listeners.delete(listener);
        forgetClose();
      };
    },
  };
}
