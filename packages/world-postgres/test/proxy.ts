/** Connections to a server that can be cut at a chosen moment: what the server answers is then never seen. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class CuttingProxy {
  /** The URL of the database, through this proxy. */
  readonly url: string;
  /** The URL past it. */
  readonly target: string;
  readonly #server: Server;
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();
  #cutAt: string | null = null;
  #holdAt: string | null = null;
  #held: (() => void) | null = null;
  #cuts = 0;

  private constructor(server: Server, directory: string, url: string, target: string) {
    this.target = target;
    this.#server = server;
    this.#directory = directory;
    this.url = url;
  }

  static async to(target: string): Promise<CuttingProxy> {
    const directory = mkdtempSync(join(tmpdir(), "perdure-proxy-"));
    const url = new URL(target);
    const host = url.searchParams.get("host");
    const { port, hostname } = url;
    url.searchParams.set("host", directory);
    url.port = "5432";
    const server = createServer((socket) => proxy.#serve(socket, toServer()));
    const toServer = (): Socket =>
      host === null ? connect(Number(port || 5432), hostname) : connect(join(host, `.s.PGSQL.${port || 5432}`));
    const proxy = new CuttingProxy(server, directory, url.href, target);
    await new Promise<void>((resolve) => server.listen(join(directory, ".s.PGSQL.5432"), resolve));
    return proxy;
  }

  /** Cut the next connection that sends this text, once the server has answered it. */
  cutAnswerTo(text: string): void {
    this.#cutAt = text;
  }

  /** Cut the next connection that sends this text, and let the server have it only at {@link release}. */
  holdBack(text: string): void {
    this.#holdAt = text;
  }

  /** The server gets what was held back. */
  release(): void {
    this.#held?.();
    this.#held = null;
  }

  /** How many connections were cut. */
  get cuts(): number {
    return this.#cuts;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #serve(client: Socket, server: Socket): void {
    let isDoomed = false;
    let isHeld = false;
    client.on("data", (chunk: Buffer) => {
      if (this.#holdAt !== null && chunk.includes(this.#holdAt)) {
        this.#holdAt = null;
        isHeld = true;
        this.#held = () => server.end(chunk);
        this.#cuts += 1;
        client.destroy();
        return;
      }
      if (this.#cutAt !== null && chunk.includes(this.#cutAt)) {
        this.#cutAt = null;
        isDoomed = true;
      }
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      if (!isDoomed) client.write(chunk);
      // `Z` announces that the server is ready for the next statement: the transaction has ended.
      else if (chunk.at(-6) === "Z".charCodeAt(0)) this.#cut(client, server);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        if (!isHeld) other.destroy();
      });
    }
  }

  #cut(client: Socket, server: Socket): void {
    this.#cuts += 1;
    client.destroy();
    server.destroy();
  }
}
