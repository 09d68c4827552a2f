/**
 * Hears the notices of other processes, on a connection of its own that is made anew when it is lost.
 *
 * While there is none, or notifications are switched off, `isUp` is false: then whoever listens has to poll.
 */
import { Socket } from "node:net";
import { Client, type ClientConfig } from "pg";
import { decodeNotification, type Notification } from "./notices.ts";

/** How long to wait before a connection that failed is tried again, in milliseconds. */
const reconnectMs = 1_000;

export interface NoticeListenerOptions {
  readonly config: ClientConfig;
  /** An identifier that needs no quoting. */
  readonly channel: string;
  readonly onNotification: (notification: Notification) => void;
  /** Notifications are heard from now on; what was sent before is lost. */
  readonly onUp: () => void;
}

export class NoticeListener {
  readonly #options: NoticeListenerOptions;
  #client: Client | null = null;
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isUp = false;

  constructor(options: NoticeListenerOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    if (this.#client === null && this.#retry === null) this.#connect();
  }

  /** Resolves when the connection is closed. */
  async stop(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const client = this.#client;
    this.#client = null;
    this.#isUp = false;
    // Whoever closes the store waits for this.
    this.#socket?.ref();
    await client?.end().catch(() => {});
  }

  #connect(): void {
    // It keeps no process alive: where one is to live, its timers and calls do.
    const socket = new Socket().unref();
    this.#socket = socket;
    const client = new Client({ ...this.#options.config, stream: () => socket });
    this.#client = client;
    const lost = (): void => this.#lost(client);
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload }) => {
      const notification = payload === undefined ? null : decodeNotification(payload);
      if (notification !== null && this.#client === client) this.#options.onNotification(notification);
    });
    client
      .connect()
      .then(async () => {
        await client.query(`LISTEN ${this.#options.channel}`);
        if (this.#client !== client) return;
        this.#isUp = true;
        this.#options.onUp();
      })
      .catch(lost);
  }

  #lost(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#isUp = false;
    client.end().catch(() => {});
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#connect();
    }, reconnectMs);
    this.#retry.unref();
  }
}
