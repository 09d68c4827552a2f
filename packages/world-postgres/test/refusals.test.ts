/** What people read when a server does not let Perdure work: each by a server that really refuses. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreError } from "@perdure/errors";
import { createPostgresWorld } from "@perdure/world-postgres";
import { afterAll, describe, expect, it } from "vitest";
import { cancellation, creation, id } from "./request-values.ts";
import { TestDatabases, withClient } from "./server.ts";
import { TlsFront } from "./tls-front.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const small = new TestDatabases("-c max_connections=5 -c superuser_reserved_connections=3");

/** Code, outcome, and the text as it is printed. */
const read = (error: StoreError) => [error.code, error.outcome, error.message.replaceAll(/postgresql:\S+/g, "<place>")];

const opening = async (url: string): Promise<unknown[]> => read(await failure(createPostgresWorld({ url })));

describe("an address that leads nowhere", () => {
  it("is told as the name of a host that nobody knows", async () => {
    const [code, outcome, text] = await opening("postgresql://u@no-such-host.invalid/db");
    expect([code, outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(text).toMatch(/host name that (nobody knows|cannot be looked up)\.\n {2}hint: /);
  });

  it("is told as a folder without a socket", async () => {
    const url = `postgresql://u@localhost/db?host=${encodeURIComponent(join(tmpdir(), "no-such-folder"))}`;
    expect(await opening(url)).toEqual([
      "STORE_UNAVAILABLE",
      "none",
      "The store <place> has no socket there.\n  hint:  The folder given as host holds no socket of a server: check it and the port.",
    ]);
  });

  it("is told as a server that has no TLS", async () => {
    const answering = createServer((socket) => socket.on("data", () => socket.write("N")).on("error", () => {}));
    await new Promise<void>((resolve) => answering.listen(0, "127.0.0.1", resolve));
    const address = answering.address();
    const port = typeof address === "object" ? address?.port : 0;
    const [code, outcome, text] = await opening(`postgresql://u@127.0.0.1:${port}/db?sslmode=verify-full`);
    answering.close();
    expect([code, outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(text).toContain("did not take the connection");
    expect(text).toContain("sslmode");
  });
});

describe("a server that is full", () => {
  it("says so, and what to lower or raise", async () => {
    const url = await small.create();
    const as = await small.createUser();
    const asUser = await small.url(new URL(url).pathname.slice(1), as);
    await withClient(asUser, () =>
      withClient(asUser, async () => {
        expect(await opening(asUser)).toEqual([
          "STORE_UNAVAILABLE",
          "none",
          "The store <place> has no connection left (SQLSTATE 53300).\n  hint:  Lower `maxConnections` of the world, or raise `max_connections` of the server.",
        ]);
      }),
    );
  });
});

describe("a statement_timeout that is too short", () => {
  it("is named, and nothing was written", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    await world.runs.create(creation(1));
    const database = new URL(url).pathname.slice(1);
    await withClient(url, (client) => client.query(`ALTER DATABASE "${database}" SET statement_timeout = 100`));
    const { world: hurried } = await worlds.open({ url });
    await withClient(url, async (client) => {
      await client.query("BEGIN; SELECT 1 FROM perdure.runs FOR UPDATE");
      expect(read(await failure(hurried.log.append(id("wrun", 1), cancellation())))).toEqual([
        "STORE_UNAVAILABLE",
        "none",
        "The store <place> cancelled a statement (SQLSTATE 57014).\n  hint:  A `statement_timeout` of server, database or user is shorter than the statement takes, or somebody cancelled it.",
      ]);
      await client.query("ROLLBACK");
    });
    expect((await world.runs.get(id("wrun", 1)))?.tail).toBe(1);
  });
});

describe("privileges that are missing", () => {
  it("are told with the way to get them", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    const as = await worlds.databases.createUser();
    const [code, outcome, text] = await opening(await worlds.databases.url(new URL(url).pathname.slice(1), as));
    expect([code, outcome]).toEqual(["STORE_READ_ONLY", "none"]);
    expect(text).toContain("perdure postgres migrate");
  });
});

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

// The certificate is made by openssl, which is not on every machine.
describe.skipIf(!hasOpenssl)("TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "perdure-tls-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("of a server whose certificate nobody trusts is refused, and taken once its authority is named", async () => {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext".split(" "),
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        certificate,
      ],
      { stdio: "ignore" },
    );
    chmodSync(folder, 0o755);
    const front = await TlsFront.to(await worlds.databases.create(), key, certificate);
    try {
      const [code, outcome, text] = await opening(`${front.url}?sslmode=verify-full`);
      expect([code, outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
      expect(text).toContain("has a certificate that is not trusted");
      expect(text).toContain("sslrootcert");
      const url = `${front.url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`;
      const { world } = await worlds.open({ url });
      expect((await world.runs.create(creation(1))).kind).toBe("created");
    } finally {
      await front.close();
    }
  });
});
