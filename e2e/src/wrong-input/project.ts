/**
 * A user's project in a temporary folder, the real processes that run in it, and its store as SQLite sees it.
 *
 * Texts are compared after `Project.plain` has put words in the place of what differs from run to run: paths, ids, moments.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Readable } from "node:stream";
import { type EventRow, type RunRow, sumOfBytes, sumOfEvent, sumOfRun } from "@perdure/world-local/rows";
import { onTestFinished } from "vitest";

const perdurePackage = resolve(import.meta.dirname, "../../../packages/perdure");

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
  /** Resolves when the text has been printed; rejects when the process ends without it. */
  printed(text: string): Promise<void>;
}

/** What a process is started with beside its arguments. */
export interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it as this user, so that file permissions hold for it; only root can do so. */
  readonly uid?: number;
}

/**
 * Every project has it: reports what became of a call, so that a test sees class, code and message, and that the error is found by
 * `.is()` and by `instanceof`.
 */
const outcomes = `import * as errors from "perdure/errors";

export async function outcome(job: () => unknown): Promise<void> {
  try {
    console.log("no error:", JSON.stringify(await job()));
  } catch (error) {
    describe(error, "");
  }
}

function describe(error: any, prefix: string): void {
  const kind = (errors as any)[error?.name];
  const isKnown = kind === undefined ? "" : kind.is(error) && error instanceof errors.PerdureError ? " .is()" : " NOT RECOGNISED";
  console.log(prefix + (error?.name ?? typeof error) + " [" + error?.code + "]" + isKnown + ": " + (error?.message ?? error));
  if (error?.cause !== undefined) describe(error.cause, "caused by ");
}
`;

/** A user's project; removed when the test is over. */
export class Project {
  readonly folder: string;
  /** The store that the program uses when nothing else is configured. */
  readonly store: string;
  readonly #children = new Set<ChildProcess>();

  /** A project that outlives the test; `remove` it. */
  static create(files: Readonly<Record<string, string>>): Project {
    return new Project(files, () => undefined);
  }

  constructor(files: Readonly<Record<string, string>>, atEnd: (remove: () => void) => void = onTestFinished) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), "perdure-wrong-")));
    this.store = join(this.folder, ".perdure", "perdure.db");
    atEnd(() => this.remove());
    // Another user than the one who runs the tests may start programs here.
    chmodSync(this.folder, 0o755);
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(perdurePackage, join(this.folder, "node_modules", "perdure"), "dir");
    this.write({ "package.json": '{ "name": "app", "type": "module" }', "outcome.ts": outcomes, ...files });
  }

  remove(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
  }

  /** Starts `node --import perdure/register <args>`. */
  start(args: readonly string[], options: LaunchOptions = {}): Program {
    return this.#launch(["--import", "perdure/register", ...args], options);
  }

  /** Runs `node --import perdure/register <args>` to its end. */
  run(args: readonly string[], options: LaunchOptions = {}): Promise<Ending> {
    return this.start(args, options).ended;
  }

  /** Runs the `perdure` command to its end. */
  perdure(...args: readonly string[]): Promise<Ending> {
    return this.#launch([join(perdurePackage, "bin", "perdure.js"), ...args], {}).ended;
  }

  /** Reads or alters the store behind Perdure's back. */
  sql(statement: string, ...parameters: readonly (string | number | null | Uint8Array)[]): Record<string, unknown>[] {
    const db = new DatabaseSync(this.store);
    try {
      return db.prepare(statement).all(...parameters) as Record<string, unknown>[];
    } finally {
      db.close();
    }
  }

  /** Gives every row the checksum of what it holds: what was altered then looks as if Perdure had written it. */
  seal(): void {
    const db = new DatabaseSync(this.store);
    try {
      const events = db.prepare("SELECT * FROM events").all() as unknown as readonly EventRow[];
      const sealEvent = db.prepare("UPDATE events SET sum = ?, payload_sum = ? WHERE id = ?");
      for (const event of events) {
        const payloadSum = sumOfBytes(event.payload ?? null);
        sealEvent.run(sumOfEvent({ ...event, payload_sum: payloadSum }), payloadSum, event.id);
      }
      const runs = db.prepare("SELECT * FROM runs").all() as unknown as readonly (RunRow & { namespace_id: number })[];
      const sealRun = db.prepare("UPDATE runs SET sum = ? WHERE rid = ?");
      for (const run of runs) sealRun.run(sumOfRun(run.namespace_id, run), run.rid);
    } finally {
      db.close();
    }
  }

  /** Every event of every run, in order, with all its columns: what must not change when something goes wrong. */
  log(): readonly Record<string, unknown>[] {
    return this.sql("SELECT * FROM events ORDER BY id");
  }

  /** The text with words in the place of what differs from run to run. */
  plain(text: string): string {
    return text
      .replaceAll(this.folder, "<project>")
      .replaceAll(`file://${perdurePackage}`, "<perdure>")
      .replaceAll(/\b(wrun|bndl|wrkr|step|wait|hook)_[0-9A-Z]{26}\b/g, "$1_…")
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<moment>")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "<digest>");
  }

  #launch(args: readonly string[], { env = {}, uid }: LaunchOptions): Program {
    const { NODE_OPTIONS: _options, FORCE_COLOR: _colour, ...inherited } = process.env;
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...inherited, NO_COLOR: "1", ...env },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const printed = new Output(child.stdout);
    const complained = new Output(child.stderr);
    const ended = new Promise<Ending>((resolveEnding, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        resolveEnding({ code, signal, out: this.plain(printed.text), err: this.plain(complained.text) });
      });
    });
    this.#children.add(child);
    return {
      child,
      ended,
      printed: async (text) => {
        const without = ended.then((ending) => {
          throw new Error(`The process ended without printing ${text}: ${JSON.stringify(ending)}`);
        });
        await Promise.race([printed.holds(text), without]);
      },
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
