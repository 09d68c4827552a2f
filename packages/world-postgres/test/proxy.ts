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
  #endAtLogin = false;
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

  /** Cut the next connection that sends this text, or runs a statement that was prepared from it, once the server has answered. */
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

  /** The next connection is ended by the server as soon as it is logged in: both are told at once. */
  endAtLogin(): void {
    this.#endAtLogin = true;
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
    let isLoggedIn = false;
    const prepared = new PreparedStatements();
    client.on("data", (chunk: Buffer) => {
      prepared.see(chunk);
      if (this.#holdAt !== null && prepared.isIn(chunk, this.#holdAt)) {
        this.#holdAt = null;
        isHeld = true;
        this.#held = () => server.end(chunk);
        this.#cuts += 1;
        client.destroy();
        return;
      }
      if (this.#cutAt !== null && prepared.isIn(chunk, this.#cutAt)) {
        this.#cutAt = null;
        isDoomed = true;
      }
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      const isLogin = !isLoggedIn && isAnswerComplete(chunk);
      isLoggedIn ||= isLogin;
      if (this.#endAtLogin && isLogin) {
        this.#endAtLogin = false;
        client.end(Buffer.concat([chunk, terminated]));
        server.destroy();
      } else if (!isDoomed) client.write(chunk);
      else if (isAnswerComplete(chunk)) this.#cut(client, server);
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

/** `Z` announces that the server is ready for the next statement: the transaction has ended. */
const isAnswerComplete = (chunk: Buffer): boolean => chunk.at(-6) === "Z".charCodeAt(0);

/** What a server says to a connection that an administrator ends: a type, a length, and fields that end with a zero. */
const parts = ["S", "FATAL", "\0V", "FATAL", "\0C", "57P01", "\0M", "terminating connection", "\0\0"];
const terminated = Buffer.concat([Buffer.from("E"), Buffer.alloc(4), Buffer.from(parts.join(""))]);
terminated.writeInt32BE(terminated.length - 1, 1);

/** The statements that one connection has prepared: their text is sent once, and then their name. */
class PreparedStatements {
  readonly #texts = new Map<string, string>();

  /** A message of type `P` holds, behind its length, name and text of a statement. */
  see(chunk: Buffer): void {
    for (const [, name = "", text = ""] of chunk.toString("latin1").matchAll(/P[\s\S]{4}(\w+)\0([^\0]+)\0/g)) {
      this.#texts.set(name, text);
    }
  }

  /** Whether the text is sent, or a statement that was prepared from it is run. */
  isIn(chunk: Buffer, text: string): boolean {
    if (chunk.includes(text)) return true;
    return [...this.#texts].some(([name, known]) => known.includes(text) && chunk.includes(`\0${name}\0`));
  }
}
