import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { WorkerSetupError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { assertRejectionsMode } from "./rejections.ts";

const program = fileURLToPath(new URL("./fixtures/rejection-program.ts", import.meta.url));

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one case. The process id, which Node prints before its warnings, is blanked. */
function run(name: string, presence: "with" | "without", mode?: string): Promise<Ended> {
  const options = mode === undefined ? [] : [`--unhandled-rejections=${mode}`];
  const parameters = ["--conditions=@perdure/source", ...options, program, name, presence];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, parameters, (_error, stdout, stderr) => {
      resolve({
        code: child.exitCode ?? child.signalCode,
        stdout,
        stderr: stderr.replaceAll(/\(node:\d+\)/g, "(node)"),
      });
    });
  });
}

const strays = [
  "error",
  "value",
  "listenerBefore",
  "listenerAfter",
  "listenerThrows",
  "uncaughtBefore",
  "uncaughtAfter",
  "monitor",
  "handledLater",
];

describe("a stray rejection of the program", () => {
  it.each(strays)("does what it does without us (%s)", async (name) => {
    const [watched, bare] = await Promise.all([run(name, "with"), run(name, "without")]);
    expect(watched).toEqual(bare);
    expect(watched.stdout + watched.stderr).not.toBe("");
  });

  it.each(
    ["warn", "none", "warn-with-error-code", "throw"].flatMap((mode) => [
      [mode, "error"],
      [mode, "listenerAfter"],
    ]),
  )("does what it does without us under --unhandled-rejections=%s (%s)", async (mode, name) => {
    const [watched, bare] = await Promise.all([run(name, "with", mode), run(name, "without", mode)]);
    expect(watched).toEqual(bare);
  });

  it("ends the process by default, also beside one of workflow code", async () => {
    const ended = await run("both", "with");
    expect(ended).toMatchObject({ code: 1, stdout: '["reported","TypeError"]\n' });
    expect(ended.stderr).toContain("OrderError: stray");
  });
});

describe("a rejection of workflow code", () => {
  it("ends the process without us, which is why we stand there", async () => {
    expect((await run("realmHandledLater", "without")).code).toBe(1);
  });

  it("is reported by its error's name, without payload and without running code of the realm", async () => {
    const ended = await run("realm", "with");
    const reasons = ["TypeError", "RangeError", "a value of type string", "RangeError", "Error"];
    const lines = [...reasons, "a value of type object", "a value of type object"].map((reason) => [
      "reported",
      reason,
    ]);
    expect(ended).toEqual({
      code: 0,
      stdout: [...lines, ["alive"]].map((line) => `${JSON.stringify(line)}\n`).join(""),
      stderr: "",
    });
  });

  it.each(["realmHandledLater", "realmListened"])(
    "is kept from the program, its late handling too (%s)",
    async (name) => {
      const stdout = '["reported","TypeError"]\n["caught"]\n["handled","TypeError"]\n';
      expect(await run(name, "with")).toEqual({ code: 0, stdout, stderr: "" });
    },
  );

  it("does not end the process when its realm is gone by then", async () => {
    expect(await run("realmReleased", "with")).toEqual({ code: 0, stdout: '["alive"]\n', stderr: "" });
  });

  it.each(["none", "warn", "warn-with-error-code"])("ends the process in no mode (%s)", async (mode) => {
    expect(await run("realmHandledLater", "with", mode)).toMatchObject({ code: 0 });
  });
});

describe("assertRejectionsMode", () => {
  it.each([
    [["--unhandled-rejections=strict"], undefined],
    [["--unhandled_rejections", "strict"], undefined],
    [["--unhandled-rejections=none", "--unhandled-rejections=strict"], undefined],
    [[], "--max-old-space-size=64 --unhandled-rejections=strict"],
    [[], '"--unhandled-rejections=strict"'],
    [["--inspect"], "--unhandled-rejections strict"],
  ])("refuses strict (%j, NODE_OPTIONS %j)", (execArgv, nodeOptions) => {
    const refuse = (): void => assertRejectionsMode(execArgv, nodeOptions);
    expect(refuse).toThrow(WorkerSetupError);
    expect(refuse).toThrow(/--unhandled-rejections=strict/);
  });

  it.each([
    [[], undefined],
    [[], ""],
    [["--unhandled-rejections=warn"], "--unhandled-rejections=strict"],
    [["--unhandled-rejections=strict", "--unhandled-rejections=throw"], undefined],
    [[], '--require "./--unhandled-rejections=strict dir/a.js"'],
  ])("accepts anything else (%j, NODE_OPTIONS %j)", (execArgv, nodeOptions) => {
    expect(() => assertRejectionsMode(execArgv, nodeOptions)).not.toThrow();
  });
});
