/** A user's project in a temporary folder, and real processes that run in it with the built packages. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { onTestFinished } from "vitest";

const packageFolder = resolve(import.meta.dirname, "..");

/** How a process ended and what it printed. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A process that runs. */
export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  /** Resolves when the text has been printed to stdout; rejects when the process ends without it. */
  printed(text: string): Promise<void>;
  /** The same for stderr. */
  complained(text: string): Promise<void>;
}

export class Project {
  readonly folder: string;

  /** Removed when the test is over. `node_modules/perdure` is this package; package.json says "type": "module" unless given. */
  constructor(files: Readonly<Record<string, string>>) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), "perdure-project-")));
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(packageFolder, join(this.folder, "node_modules", "perdure"), "dir");
    this.write({ "package.json": '{ "name": "app", "type": "module" }', ...files });
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  /** Makes a package in another folder one that the project has installed. */
  install(name: string, folder: string): void {
    const link = join(this.folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(folder, link, "dir");
  }

  /** Names in a folder of the project, sorted. */
  list(name: string): string[] {
    return readdirSync(join(this.folder, name)).sort();
  }

  /** Runs `node --import perdure/register <args>` to its end. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ending> {
    return this.start(args, env).ended;
  }

  /** Starts `node --import perdure/register <args>`. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    return this.#spawn(["--import", "perdure/register", ...args], env);
  }

  /** Runs node without the loader. */
  plain(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ending> {
    return this.#spawn(args, env).ended;
  }

  /** Runs the `perdure` command. */
  perdure(...args: readonly string[]): Promise<Ending> {
    return this.plain([join(packageFolder, "bin", "perdure.js"), ...args]);
  }

  /** Starts `perdure dev`, at the head of a process group as a shell would; the output of its programs is its output. */
  dev(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    return this.#spawn([join(packageFolder, "bin", "perdure.js"), "dev", ...args], env, true);
  }

  #spawn(args: readonly string[], env: Readonly<Record<string, string>>, detached = false): Program {
    const { NODE_OPTIONS: _options, NODE_PATH: _path, FORCE_COLOR: _colour, ...inherited } = process.env;
    const environment = { ...inherited, NO_COLOR: "1", ...env };
    const child = spawn(process.execPath, args, { cwd: this.folder, env: environment, detached });
    const out = new Output(child.stdout);
    const err = new Output(child.stderr);
    const ended = new Promise<Ending>((resolveEnding, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolveEnding({ code, signal, out: out.text, err: err.text }));
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const whenIn = async (output: Output, text: string): Promise<void> => {
      const without = ended.then((ending) => {
        throw new Error(`The process ended without printing ${text}: ${JSON.stringify(ending)}`);
      });
      await Promise.race([output.holds(text), without]);
    };
    return {
      child,
      ended,
      printed: (text) => whenIn(out, text),
      complained: (text) => whenIn(err, text),
    };
  }
}

/** What a process has printed to one of its streams so far. */
class Output {
  text = "";
  readonly #watchers = new Set<() => void>();

  constructor(stream: Readable) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
      for (const watcher of this.#watchers) watcher();
    });
  }

  holds(text: string): Promise<void> {
    return new Promise((resolveHolds) => {
      const look = (): void => {
        if (this.text.includes(text)) resolveHolds();
      };
      this.#watchers.add(look);
      look();
    });
  }
}
