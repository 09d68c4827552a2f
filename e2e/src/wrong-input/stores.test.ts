/** Stores and configurations that cannot be used: the program ends with the cause and the cure, and works once it is mended. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, copyFileSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Project } from "./project.ts";

const program = {
  "workflows.ts": `export async function greet(name: string): Promise<string> {
  "use workflow";
  return await say(name);
}
async function say(name: string): Promise<string> {
  "use step";
  return "hello " + name;
}
`,
  "app.ts": `import { start } from "perdure/api";
import { greet } from "./workflows";
console.log(await (await start(greet, ["you"])).returnValue);
`,
  "caught.ts": `import { start } from "perdure/api";
import { outcome } from "./outcome";
import { greet } from "./workflows";
await outcome(async () => await (await start(greet, ["you"])).returnValue);
`,
} as const;

const worked = { code: 0, signal: null, out: "hello you\n", err: "" } as const;

/** A project whose store holds one finished run. */
async function usedProject(config = ""): Promise<Project> {
  const project = new Project({ ...program, ...(config === "" ? {} : { "perdure.config.ts": config }) });
  expect(await project.run(["app.ts"])).toEqual(worked);
  return project;
}

/** Nothing is read-only for root, so its program runs as a user who owns nothing. */
const asReader = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** False where this clone is in a folder that is root's alone: that user could load no package of it. */
const isClonePublic =
  spawnSync(process.execPath, ["-e", "process.chdir(process.argv[1])", import.meta.dirname], asReader).status === 0;

test.skipIf(!isClonePublic)("a store that is read-only", async () => {
  const project = await usedProject();
  const folder = join(project.folder, ".perdure");
  const before = project.log();
  const names = readdirSync(folder);
  for (const name of names) chmodSync(join(folder, name), 0o444);
  chmodSync(folder, 0o555);
  const ending = await project.run(["app.ts"], asReader);
  expect(ending.err).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db cannot be written (SQLite result code 8).
      where: <project>/.perdure/perdure.db
      hint:  Give this user write permission on the file, its -wal and -shm files and their directory.

    caused by Error: attempt to write a readonly database
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect((await project.run(["caught.ts"], asReader)).out).toMatchInlineSnapshot(`
    "StoreError [STORE_READ_ONLY] .is(): The store <project>/.perdure/perdure.db cannot be written (SQLite result code 8).
      where: <project>/.perdure/perdure.db
      hint:  Give this user write permission on the file, its -wal and -shm files and their directory.
    caused by Error [ERR_SQLITE_ERROR]: attempt to write a readonly database
    "
  `);
  chmodSync(folder, 0o755);
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644);
  expect(project.log()).toEqual(before);
  expect(await project.run(["app.ts"])).toEqual(worked);
});

/** Another process that holds the write lock of the store until it is told to let go. */
async function lockOf(project: Project): Promise<{ release(): Promise<void> }> {
  const code = `const db = new (require("node:sqlite").DatabaseSync)(process.argv[1]);
db.exec("BEGIN IMMEDIATE");
console.log("locked");
process.stdin.once("end", () => db.exec("ROLLBACK")).resume();`;
  const child: ChildProcess = spawn(process.execPath, ["-e", code, project.store], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  if (child.stdout !== null) await once(child.stdout, "data");
  return {
    release: async () => {
      child.stdin?.end();
      await once(child, "exit");
    },
  };
}

test("a store that another process has locked", async () => {
  const project = await usedProject(`import { defineConfig, localWorld } from "perdure/config";
export default defineConfig({ world: localWorld({ path: ".perdure/perdure.db", lockWaitMs: 200 }) });
`);
  const before = project.log();
  const lock = await lockOf(project);
  const ending = await project.run(["app.ts"]);
  const caught = await project.run(["caught.ts"]);
  await lock.release();
  expect(ending.err.replaceAll(/\d+ ms/g, "… ms")).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db stayed locked for … ms.
      where: <project>/.perdure/perdure.db
      hint:  Another process holds the write lock: look for a backup tool, a database browser or a stopped process that has the file open (\`fuser\` or \`lsof\` lists them). On a network or bind-mounted file system locks may not work at all: move the file to a local disk.

    caused by Error: database is locked
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect(caught.out.replaceAll(/\d+ ms/g, "… ms")).toMatchInlineSnapshot(`
    "StoreError [STORE_LOCKED] .is(): The store <project>/.perdure/perdure.db stayed locked for … ms.
      where: <project>/.perdure/perdure.db
      hint:  Another process holds the write lock: look for a backup tool, a database browser or a stopped process that has the file open (\`fuser\` or \`lsof\` lists them). On a network or bind-mounted file system locks may not work at all: move the file to a local disk.
    caused by Error [ERR_SQLITE_ERROR]: database is locked
    "
  `);
  expect(project.log()).toEqual(before);
  expect(await project.run(["app.ts"])).toEqual(worked);
});

test("a store that is damaged", async () => {
  const project = await usedProject();
  const kept = join(project.folder, "backup.db");
  copyFileSync(project.store, kept);
  const file = openSync(project.store, "r+");
  writeSync(file, Buffer.alloc(4_000, 0xa5), 0, 4_000, 96);
  closeSync(file);
  const damaged = readFileSync(project.store);
  const ending = await project.run(["app.ts"]);
  expect(ending.err).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db is damaged (SQLite result code 11).
      where: <project>/.perdure/perdure.db
      hint:  Restore the file together with its -wal file from a backup, or move it away to start anew.

    caused by Error: database disk image is malformed
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect((await project.run(["caught.ts"])).out).toMatchInlineSnapshot(`
    "StoreError [STORE_CORRUPT] .is(): The store <project>/.perdure/perdure.db is damaged (SQLite result code 11).
      where: <project>/.perdure/perdure.db
      hint:  Restore the file together with its -wal file from a backup, or move it away to start anew.
    caused by Error [ERR_SQLITE_ERROR]: database disk image is malformed
    "
  `);
  expect(readFileSync(project.store).equals(damaged)).toBe(true);
  copyFileSync(kept, project.store);
  expect(await project.run(["app.ts"])).toEqual(worked);
});

test("a file that is no store", async () => {
  const project = new Project({
    ...program,
    ".perdure/perdure.db": "a shopping list, and not a short one\n".repeat(500),
  });
  const ending = await project.run(["app.ts"]);
  expect(ending.err).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db is not an SQLite database (SQLite result code 26).
      where: <project>/.perdure/perdure.db
      hint:  Check the configured path. If it is right, the file was overwritten. Restore the file together with its -wal file from a backup, or move it away to start anew.

    caused by Error: file is not a database
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect(readFileSync(project.store, "utf8")).toMatch(/^a shopping list/);
});

test("a store from a newer version", async () => {
  const project = await usedProject();
  const before = project.log();
  const known = Number(project.sql("PRAGMA user_version")[0]?.["user_version"]);
  project.sql(`PRAGMA user_version = ${known + 7}`);
  const unnumbered = (text: string): string =>
    text.replaceAll(`version ${known + 7};`, "version <newer>;").replaceAll(`up to ${known}.`, "up to <known>.");
  const ending = await project.run(["app.ts"]);
  expect(unnumbered(ending.err)).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db has schema version <newer>; this version of Perdure knows up to <known>.
      where: <project>/.perdure/perdure.db
      hint:  A newer version of Perdure has opened the file: upgrade this process.
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect(unnumbered((await project.run(["caught.ts"])).out)).toMatchInlineSnapshot(`
    "StoreError [STORE_NEWER_VERSION] .is(): The store <project>/.perdure/perdure.db has schema version <newer>; this version of Perdure knows up to <known>.
      where: <project>/.perdure/perdure.db
      hint:  A newer version of Perdure has opened the file: upgrade this process.
    "
  `);
  expect(project.log()).toEqual(before);
  project.sql(`PRAGMA user_version = ${known}`);
  expect(await project.run(["app.ts"])).toEqual(worked);
});

test("a store in a place that is no folder", async () => {
  const project = new Project({ ...program, ".perdure": "a file where the folder should be" });
  const ending = await project.run(["app.ts"]);
  expect(ending.err).toMatchInlineSnapshot(`
    "StoreError: The store <project>/.perdure/perdure.db cannot be created or reached (EEXIST).
      where: <project>/.perdure/perdure.db
      hint:  Check that the path's parent is a directory on a disk with room, and that this user may write to it.

    caused by Error: EEXIST: file already exists, mkdir '<project>/.perdure'
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
});

test("a configuration that does not parse", async () => {
  const project = await usedProject();
  const before = project.log();
  project.write({
    "perdure.config.ts":
      'import { defineConfig } from "perdure/config";\nexport default defineConfig({ namespace: , });\n',
  });
  const ending = await project.run(["app.ts"]);
  expect(ending.err).toMatchInlineSnapshot(`
    "ConfigError: The configuration does not compile.
    perdure.config.ts:2:42 Syntax error: Unexpected token
      1 | import { defineConfig } from "perdure/config";
    > 2 | export default defineConfig({ namespace: , });
        |                                          ^
      3 |
      where: perdure.config.ts:2:42
    "
  `);
  expect([ending.code, ending.out]).toEqual([1, ""]);
  expect((await project.run(["caught.ts"])).out).toMatchInlineSnapshot(`
    "ConfigError [CONFIG_INVALID] .is(): The configuration does not compile.
    perdure.config.ts:2:42 Syntax error: Unexpected token
      1 | import { defineConfig } from "perdure/config";
    > 2 | export default defineConfig({ namespace: , });
        |                                          ^
      3 |
      where: perdure.config.ts:2:42
    caused by CompileError [COMPILE_FAILED] .is(): perdure.config.ts:2:42 Syntax error: Unexpected token
      1 | import { defineConfig } from "perdure/config";
    > 2 | export default defineConfig({ namespace: , });
        |                                          ^
      3 |
    "
  `);
  project.write({
    "perdure.config.ts": 'import { defineConfig } from "perdure/config";\nexport default defineConfig({});\n',
  });
  expect(project.log()).toEqual(before);
  expect(await project.run(["app.ts"])).toEqual(worked);
});

test("the default store is not made for a program that fails before it needs it", async () => {
  const project = new Project({ ...program, "app.ts": 'import "./workflows";\nimport "./nowhere";\n' });
  expect((await project.run(["app.ts"])).code).toBe(1);
  expect(statSync(project.store, { throwIfNoEntry: false })).toBeUndefined();
});
