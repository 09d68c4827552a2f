/** Speaks TLS in front of a server that does not: answers the request for it, and passes on what comes afterwards. */
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";

export class TlsFront {
  /** The URL of the database, through TLS; without parameters. */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async to(target: string, key: string, certificate: string): Promise<TlsFront> {
    const url = new URL(target);
    const host = url.searchParams.get("host");
    const toServer = (): Socket =>
      host === null ? connect(Number(url.port || 5432), url.hostname) : connect(join(host, ".s.PGSQL.5432"));
    const options = { isServer: true, key: readFileSync(key), cert: readFileSync(certificate) };
    const server = createServer((raw) => {
      front.#keep(raw);
      // Eight bytes ask for TLS; `S` agrees to it.
      raw.once("data", () => {
        raw.write("S");
        const client = new TLSSocket(raw, options);
        const inner = toServer();
        for (const socket of [client, inner]) front.#keep(socket);
        client.pipe(inner).pipe(client);
        client.on("close", () => inner.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { username, password, pathname } = url;
    const front = new TlsFront(server, `postgresql://${username}:${password}@localhost:${port}${pathname}`);
    return front;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
