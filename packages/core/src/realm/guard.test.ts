import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./fixtures/guard-program.ts", import.meta.url));

/** A program under the guard in a process of its own, and what it printed. */
class Program {
  readonly #child;
  readonly #lines: unknown[] = [];
  readonly #ended: Promise<unknown>;
  #stderr = "";
  #news: () => void = () => {};

  constructor(name: string) {
    this.#child = spawn(process.execPath, ["--conditions=@perdure/source", program, name]);
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#lines.push(JSON.parse(line));
      this.#news();
    });
    this.#ended = once(this.#child, "close");
    void this.#ended.then(() => this.#news());
  }

  /** Waits until a line has been printed `count` times. */
  async printed(line: unknown, count = 1): Promise<void> {
    const text = JSON.stringify(line);
    while (this.#lines.filter((other) => JSON.stringify(other) === text).length < count) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`The program ended before it printed ${text}: ${JSON.stringify(this.#lines)} ${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended: exit code or signal, all lines, and what it wrote to stderr. */
  async end(): Promise<{ code: number | null; signal: string | null; lines: unknown[]; stderr: string }> {
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    return { code: exitCode, signal: signalCode, lines: this.#lines, stderr: this.#stderr };
  }

  abandon(): void {
    this.#child.kill("SIGKILL");
  }
}

const programs: Program[] = [];

function start(name: string): Program {
  const started = new Program(name);
  programs.push(started);
  return started;
}

afterEach(() => {
  for (const each of programs.splice(0)) each.abandon();
});

const seen = { seen: ["SIGINT", 2] };

describe("what it stops", () => {
  it.each([
    ["stops", "signal"],
    ["stopsTimed", "timeout"],
  ])("ends loops, microtask loops, regular expressions and loops that catch, and goes on (%s)", async (name, kind) => {
    const stopped = "stopped limit, then done";
    expect(await start(name).end()).toEqual({
      code: 0,
      signal: null,
      lines: [{ kind, loop: stopped, microtasks: stopped, regex: stopped, catching: stopped }],
      stderr: "",
    });
  });

  it("guards before the patrol thread is ready, and lets the process end", async () => {
    expect(await start("stopsBeforeReady").end()).toMatchObject({ code: 0, lines: [["stopped", "done"]], stderr: "" });
  });

  it("makes 10,000 calls after a stop", async () => {
    expect(await start("manyAfterStop").end()).toMatchObject({ code: 0, lines: [10_000], stderr: "" });
  });

  it("stops after it has been unused for a while", async () => {
    expect(await start("fallsIdle").end()).toMatchObject({ code: 0, lines: [["stopped", "limit"]], stderr: "" });
  });

  it("stops calls that begin while the patrol takes or gives back the signal", async () => {
    expect(await start("atOnce").end()).toMatchObject({ code: 0, lines: [[90, true]], stderr: "" });
  });

  it("throws what the job throws, as it is, and refuses to nest", async () => {
    expect(await start("throws").end()).toMatchObject({
      code: 0,
      lines: [[true, true, true, true, "INVARIANT", true, "done", true]],
      stderr: "",
    });
  });
});

describe("the race between the end of a call and its signal", () => {
  it.each(["race", "raceListened"])("300 calls of about the limit: none stops the next one (%s)", async (name) => {
    expect(await start(name).end()).toMatchObject({ code: 0, lines: [[true, true, 0], 300], stderr: "" });
  });

  it.each(["late", "lateListened"])("a signal that finds nobody is absorbed (%s)", async (name) => {
    expect(await start(name).end()).toMatchObject({ code: 0, lines: [[60, "stopped", "limit"]], stderr: "" });
  });
});

describe("SIGINT from outside", () => {
  it.each(["idle", "idleRemoved", "inLoop", "busyTurn", "closed"])("ends the process by SIGINT (%s)", async (name) => {
    const child = start(name);
    await child.printed("ready");
    child.kill("SIGINT");
    expect(await child.end()).toMatchObject({ code: null, signal: "SIGINT", stderr: "" });
  });

  it.each(["idleListenedBefore", "idleListenedAfter", "closedListened"])(
    "reaches the program's listeners, as often as it is sent (%s)",
    async (name) => {
      const child = start(name);
      await child.printed("ready");
      for (let count = 1; count <= 20; count += 1) {
        child.kill("SIGINT");
        await child.printed(seen, count);
      }
      child.kill("SIGTERM");
      expect(await child.end()).toMatchObject({ signal: "SIGTERM", stderr: "" });
    },
  );

  it("reaches a listener that was added after the guard, which still stops", async () => {
    const child = start("idleListenedAfter");
    await child.printed(["stopped", 1, 1]);
  });

  it("ends the process when a one-time listener is used up", async () => {
    const child = start("idleOnce");
    await child.printed("ready");
    child.kill("SIGINT");
    await child.printed({ seen: "once" });
    child.kill("SIGINT");
    const end = await child.end();
    expect(end).toEqual({ code: null, signal: "SIGINT", lines: ["ready", { seen: "once" }], stderr: "" });
  });

  it("stops a runaway call, names the cause and reaches the listener", async () => {
    const child = start("inLoopListened");
    await child.printed("ready");
    child.kill("SIGINT");
    await child.printed(seen);
    await child.printed(["stopped", "signal"]);
    await child.printed(["done"]);
  });

  it("reaches the listener after a busy turn", async () => {
    const child = start("busyTurnListened");
    await child.printed("ready");
    child.kill("SIGINT");
    await child.printed(seen);
    child.kill("SIGTERM");
    expect((await child.end()).lines).toEqual(["ready", "turn over", seen]);
  });
});

describe("the rest of the program", () => {
  it("keeps its SIGTERM listeners, threads and child processes", async () => {
    const child = start("program");
    await child.printed("ready");
    await child.printed({ thread: 7 });
    await child.printed({ child: [null, "SIGINT"] });
    await child.printed(["stopped"]);
    child.kill("SIGTERM");
    await child.printed({ seen: "SIGTERM" });
  });

  it("shares one patrol between guards, which leaves nothing behind", async () => {
    const child = start("closed");
    await child.printed(["stopped", true]);
    await child.printed(["stopped", false]);
  });

  it("starts again when a guard is made while the last one closes", async () => {
    expect(await start("reopened").end()).toMatchObject({ code: 0, lines: [["stopped", "limit"]], stderr: "" });
  });
});
