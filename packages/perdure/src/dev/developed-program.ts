/**
 * A program that is being written: a process that is ended and started again when one of its files changes.
 *
 *  V1  At most one process of the program lives at a time: the next starts when the one before has ended.
 *  V2  A process that is to be replaced is asked by SIGTERM, and killed only when it is still there after the grace.
 *  V3  A signal to us is passed on, each once, and we end as the program does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { relative } from "node:path";
import type { FileReport } from "./file-report.ts";
import { FileWatch } from "./file-watch.ts";

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is run, and where is said what happens to it. */
export interface ProgramSettings {
  readonly entry: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (text: string) => void;
  /**
   * How long a program that is to be started again may take to end. Steps that are at work when a worker is told to end have ten
   * seconds; by default there are five more for recording them.
   */
  readonly graceMs?: number;
}

const defaultGraceMs = 15_000;

const isWindows = process.platform === "win32";
const register = import.meta.resolve("perdure/register");

export class DevelopedProgram {
  /** How the last process ended, after `leave`. */
  readonly ended: Promise<Ending>;
  readonly #settings: ProgramSettings;
  readonly #watch: FileWatch;
  #finish: (ending: Ending) => void = () => undefined;
  #process: ChildProcess | null = null;
  /** What happens when the process has ended. */
  #next: "wait" | "restart" | "leave" = "wait";
  #killer: NodeJS.Timeout | undefined;

  constructor(settings: ProgramSettings) {
    this.#settings = settings;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#watch = new FileWatch(
      (path) => this.#changed(path),
      (folder, { message }) => settings.say(`changes in ${folder} are not seen: ${message}`),
    );
    this.#start();
  }

  /** Passes the signal on; `ended` resolves when the program is gone. */
  leave(signal: NodeJS.Signals): void {
    this.#next = "leave";
    if (this.#process === null) this.#close({ code: null, signal });
    // The console of Windows has sent its interrupt to every process in it.
    else if (!(isWindows && signal === "SIGINT")) this.#process.kill(signal);
  }

  #start(): void {
    const { entry, args, environment } = this.#settings;
    const child = spawn(process.execPath, ["--import", register, entry, ...args], {
      // In a session of its own an interrupt from the terminal reaches us only, and is passed on once.
      detached: !isWindows,
      env: environment,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    });
    this.#process = child;
    child.on("message", (message) => {
      if (isFileReport(message)) this.#watch.add(message.perdureFile, message.version);
    });
    // It comes after all messages, as "exit" may not.
    child.once("close", (code, signal) => this.#left({ code, signal }));
  }

  #changed(path: string): void {
    if (this.#next !== "wait") return;
    this.#settings.say(`${relative(process.cwd(), path)} has changed: starting again`);
    if (this.#process === null) {
      this.#start();
      return;
    }
    this.#next = "restart";
    this.#process.kill("SIGTERM");
    const { graceMs = defaultGraceMs } = this.#settings;
    this.#killer = setTimeout(() => this.#kill(graceMs), graceMs);
  }

  #kill(graceMs: number): void {
    this.#settings.say(`the program is still there ${graceMs / 1000} s after a SIGTERM, and is killed`);
    this.#process?.kill("SIGKILL");
  }

  #left(ending: Ending): void {
    clearTimeout(this.#killer);
    this.#process = null;
    const next = this.#next;
    if (next === "leave" || !this.#watch.isWatching) {
      this.#close(ending);
      return;
    }
    this.#next = "wait";
    if (next === "restart") this.#start();
    else this.#settings.say(`the program ${describe(ending)}; it starts again when one of its files changes`);
  }

  #close(ending: Ending): void {
    this.#watch.close();
    this.#finish(ending);
  }
}

const describe = ({ code, signal }: Ending): string =>
  code === 0 ? "has ended" : code === null ? `was ended by ${signal}` : `has failed with exit code ${code}`;

function isFileReport(message: unknown): message is FileReport {
  if (typeof message !== "object" || message === null) return false;
  const { perdureFile, version } = message as Partial<FileReport>;
  return typeof perdureFile === "string" && typeof version === "string";
}
