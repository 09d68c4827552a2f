import { describe, expect, test } from "vitest";
import { Project } from "./project.ts";

/** A workflow whose first step holds on until the file `gate` is there. */
const album = {
  "label.ts": 'export const label = "old";\n',
  "generation.ts": "export const generation = 1;\n",
  "workflows.ts": `import { label } from "./label";
import { quick, slow } from "./steps";

export async function album(): Promise<string> {
  "use workflow";
  const first = await slow();
  return \`\${label}: \${first}, \${await quick()}\`;
}
`,
  "steps.ts": `import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { generation } from "./generation";

export async function slow(): Promise<string> {
  "use step";
  console.log("at work");
  while (!existsSync("gate")) await pause(5);
  return \`slow of \${generation}\`;
}

export async function quick(): Promise<string> {
  "use step";
  return \`quick of \${generation}\`;
}
`,
  "app.ts": `import { start } from "perdure/api";
import { album } from "./workflows";
const run = await start(album, [], { key: "one" });
console.log("result", await run.returnValue);
`,
} as const;

const count = (text: string, part: string): number => text.split(part).length - 1;

describe("a change of a file", () => {
  test("lets a step at work end, and its run go on in the next process with its own workflow code", async () => {
    const project = new Project(album);
    const dev = project.dev(["app.ts"]);
    await dev.printed("at work");
    // Workflow code alone imports it.
    project.write({ "label.ts": 'export const label = "new";\n' });
    await dev.complained("perdure: label.ts has changed: starting again");
    project.write({ "generation.ts": "export const generation = 2;\n", gate: "" });
    await dev.printed("result old: slow of 1, quick of 2");
    await dev.complained("perdure: the program has ended; it starts again when one of its files changes");
    dev.child.kill("SIGINT");
    const ending = await dev.ended;
    expect(ending).toMatchObject({ code: null, signal: "SIGINT" });
    expect(count(ending.out, "at work")).toBe(1);
    expect(ending.err.split("\n").slice(0, 2)).toEqual([
      "perdure: app.ts on SQLite in .perdure/perdure.db",
      "perdure: `npx perdure runs list` shows the runs; it starts again when one of its files changes; Ctrl+C ends it",
    ]);
  });

  test("starts a program again that has failed, also for a file that did not compile", async () => {
    const project = new Project({ ...album, "label.ts": "export const label = ;\n", gate: "" });
    const dev = project.dev(["app.ts"]);
    await dev.complained("perdure: the program has failed with exit code 1; it starts again");
    project.write({ "label.ts": 'export const label = "mended";\n' });
    await dev.printed("result mended: slow of 1, quick of 1");
  });

  test("may be that a file is there which was missing", async () => {
    const project = new Project({
      "app.ts": 'import { part } from "./parts/part.js";\nconsole.log(part);\n',
      "parts/x.txt": "",
    });
    const dev = project.dev(["app.ts"]);
    await dev.complained("perdure: the program has failed with exit code 1");
    project.write({ "parts/part.ts": 'export const part: string = "there";\n' });
    await dev.printed("there");
  });

  test("counts only of a file that the program has loaded", async () => {
    const project = new Project({ "app.ts": 'import "./part";\nconsole.log("started");\n', "part.ts": "export {};\n" });
    const dev = project.dev(["app.ts"]);
    await dev.complained("the program has ended");
    project.write({ "other.ts": "export {};\n", "part.ts": "export const one = 1;\n" });
    await dev.complained("part.ts has changed");
    dev.child.kill("SIGTERM");
    expect((await dev.ended).err).not.toContain("other.ts");
  });
});

test("a program that does not end when it is told to is killed", async () => {
  const project = new Project({
    "app.ts": 'process.on("SIGTERM", () => {});\nsetInterval(() => {}, 60_000);\nconsole.log("first");\n',
    "dev.mjs": `import { DevelopedProgram } from ${JSON.stringify(new URL("../dist/dev/developed-program.js", import.meta.url).href)};
const say = (text) => console.error(text);
new DevelopedProgram({ entry: "app.ts", args: [], environment: { ...process.env, PERDURE_DEV: "1" }, say, graceMs: 50 });
`,
  });
  const dev = project.start(["dev.mjs"]);
  await dev.printed("first");
  project.write({ "app.ts": 'console.log("second");\n' });
  await dev.complained("the program is still there 0.05 s after a SIGTERM, and is killed");
  await dev.printed("second");
});

describe("the program", () => {
  const waiting = `process.on("SIGTERM", () => {
  console.log("told");
  process.exit(7);
});
setInterval(() => {}, 60_000);
console.log("ready", process.argv.slice(2).join(" "), process.env["PERDURE_DEV"]);
`;

  test("is given what stands after --, and its exit code is that of the command", async () => {
    const dev = new Project({ "app.ts": waiting }).dev(["app.ts", "--", "--help", "x"]);
    await dev.printed("ready --help x undefined");
    dev.child.kill("SIGTERM");
    expect(await dev.ended).toMatchObject({ code: 7, signal: null, out: "ready --help x undefined\ntold\n" });
  });

  test("is out of reach of what a terminal sends to the process group, so that it has an interrupt once", async () => {
    const listening = 'process.on("SIGUSR2", () => console.log("reached"));\n';
    const dev = new Project({ "app.ts": `${listening}${waiting}` }).dev(["app.ts"]);
    await dev.printed("ready");
    // It ends the command, as it does not pass it on, and so the program.
    process.kill(-Number(dev.child.pid), "SIGUSR2");
    expect(await dev.ended).toMatchObject({ signal: "SIGUSR2", out: "ready  undefined\ntold\n" });
  });

  test("ends with a command that is killed", async () => {
    const dev = new Project({ "app.ts": waiting }).dev(["app.ts"]);
    await dev.printed("ready");
    dev.child.kill("SIGKILL");
    // It holds the output of the command open until it has ended.
    expect(await dev.ended).toMatchObject({ signal: "SIGKILL", out: "ready  undefined\ntold\n" });
  });
});

describe("refuses", () => {
  test.each([
    [
      ["nope.ts"],
      2,
      (folder: string) => `error: There is no file "nope.ts" in ${folder}.
  hint:  Name the module that the program begins with, its extension included.
`,
    ],
    [
      ["--world", "postgres"],
      1,
      () => `error: The world "postgres" needs a package that this project does not have.
  hint:  Type \`npm install @perdure/world-postgres\`.
`,
    ],
  ])("%j", async (args, code, text) => {
    const project = new Project({});
    expect(await project.perdure("dev", ...args)).toEqual({ code, signal: null, out: "", err: text(project.folder) });
  });
});
