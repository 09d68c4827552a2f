/**
 * What processes tell each other of changes, as the text of a notification.
 *
 * A notice names runs that have settled (ended or parked) and runs that a worker should look at. Notices are hints: they
 * are sent after the commit, on a connection of their own turn, and may be lost. Sending them inside of the appends would
 * be surer, but every commit that notifies takes one lock of the whole server until it is flushed.
 */
import type { Queries } from "./database.ts";

/** The server takes 7,999 bytes in one notification. */
const noticeBytesMax = 7_500;

/** A notification is a commit too. Nothing is lost with it, so nobody waits until it is on the disk, nor shares that wait. */
const notify = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/** A change of a run, as others hear of it. */
export interface Notice {
  readonly runId: string;
  readonly settled: boolean;
  readonly hint: boolean;
}

/** The notices of one notification; null: so much has changed that it is not named. */
export interface Notification {
  /** Which world has sent it. */
  readonly from: string;
  readonly notices: readonly Notice[] | null;
}

type Encoded = readonly [from: string, notices: readonly (readonly [string, 0 | 1, 0 | 1])[] | null];

export function encodeNotification({ from, notices }: Notification): string {
  const encode = (named: readonly Notice[] | null): string => {
    const rows = named?.map(({ runId, settled, hint }) => [runId, settled ? 1 : 0, hint ? 1 : 0] as const) ?? null;
    return JSON.stringify([from, rows] satisfies Encoded);
  };
  const text = encode(notices);
  return Buffer.byteLength(text) <= noticeBytesMax ? text : encode(null);
}

/** Null for a text that is none of ours: any program may notify on any channel. */
export function decodeNotification(text: string): Notification | null {
  try {
    const [from, rows] = JSON.parse(text) as Encoded;
    if (typeof from !== "string") return null;
    const notices = rows?.map(([runId, settled, hint]) => ({ runId, settled: settled === 1, hint: hint === 1 }));
    return { from, notices: notices ?? null };
  } catch {
    return null;
  }
}

/** Sends notices, at most one notification at a time: what comes up meanwhile goes together. */
export class NoticeSender {
  readonly #queries: Queries;
  readonly #channel: string;
  readonly #from: string;
  #waiting = new Map<string, Notice>();
  #sending: Promise<void> | null = null;

  constructor(queries: Queries, channel: string, from: string) {
    this.#queries = queries;
    this.#channel = channel;
    this.#from = from;
  }

  send(notice: Notice): void {
    const { runId } = notice;
    const earlier = this.#waiting.get(runId);
    const settled = notice.settled || earlier?.settled === true;
    this.#waiting.set(runId, { runId, settled, hint: notice.hint || earlier?.hint === true });
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when nothing is left to be sent. */
  async flushed(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    // A later turn of the event loop, so that what becomes due together is told together.
    await new Promise(setImmediate);
    while (this.#waiting.size > 0) {
      const notices = [...this.#waiting.values()];
      this.#waiting = new Map();
      const text = encodeNotification({ from: this.#from, notices });
      // Lost notices delay, and do no other harm; a server that is out of reach is told of by the calls that need it.
      await this.#queries.read(notify, [this.#channel, text]).catch(() => {});
    }
    this.#sending = null;
  }
}
