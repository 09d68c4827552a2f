/** The database of the world `postgres`, for as long as `perdure dev` runs. */
import { join, relative } from "node:path";
import { StoreError } from "@perdure/errors";
import { openProjectServer, type ProjectServer, postgresFolder } from "../project/named-world.ts";

/** A database that runs, and who keeps it running. */
export interface DevDatabase {
  readonly url: string;
  /** In the words of the first line that is printed. */
  readonly description: string;
  /** Rejects when the database is gone for good. */
  readonly failure: Promise<never>;
  close(): Promise<void>;
}

/** A database that somebody else looks after. */
export const givenDatabase = (url: string): DevDatabase => ({
  url,
  description: "the PostgreSQL of PERDURE_POSTGRES_URL",
  failure: new Promise(() => undefined),
  close: () => Promise.resolve(),
});

/** The server of the project. One that ends while it is used is started again; workers go on when it is there. */
export class KeptServer implements DevDatabase {
  readonly url: string;
  readonly description: string;
  readonly failure: Promise<never>;
  readonly #root: string;
  readonly #say: (text: string) => void;
  readonly #kept: Promise<void>;
  #server: ProjectServer;
  #isClosing = false;

  static async open(root: string, say: (text: string) => void): Promise<KeptServer> {
    return new KeptServer(root, say, await openProjectServer(root, say));
  }

  private constructor(root: string, say: (text: string) => void, server: ProjectServer) {
    this.#root = root;
    this.#say = say;
    this.#server = server;
    this.url = server.url;
    const folder = relative(process.cwd(), postgresFolder(root));
    this.description = `PostgreSQL ${server.version}, its data in ${folder}`;
    this.#kept = this.#keep();
    this.failure = this.#kept.then(() => new Promise(() => undefined));
    // Told to whoever waits for it.
    this.failure.catch(() => undefined);
  }

  /** Stops the server, unless others use it too. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#server.close();
    await this.#kept.catch(() => undefined);
  }

  async #keep(): Promise<void> {
    for (;;) {
      await this.#server.lost;
      if (this.#isClosing) return;
      this.#say("the PostgreSQL server has ended and is started again");
      this.#server = await openProjectServer(this.#root, this.#say);
      if (this.#isClosing) {
        await this.#server.close();
        return;
      }
      if (this.#server.url !== this.url) {
        await this.#server.close();
        throw this.#movedError();
      }
      this.#say("the PostgreSQL server runs again");
    }
  }

  #movedError(): StoreError {
    const { port } = new URL(this.url);
    return new StoreError("STORE_UNAVAILABLE", `The PostgreSQL server has ended, and its port ${port} is taken.`, {
      hint: `Start this command again; ${join(postgresFolder(this.#root), "server.log")} says why the server has ended.`,
    });
  }
}
