/** A server, builds of one application, and workers of each, which are gone when their test is. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { getRun } from "@perdure/core";
import type { LogEvent, RunRecord, World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import { startServer, type TestServer } from "@perdure/world-postgres/testing";
import { onTestFinished } from "vitest";
import { spawnNode } from "../node-process.ts";
import { type BodyLine, environmentOf, type FromWorker, gatePath, ledgerPath, type ToWorker } from "./assignment.ts";
import { type BuildSource, build } from "./builds.ts";

export class DeployedWorker {
  readonly build: string;
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, buildName: string) {
    this.#child = child;
    this.build = buildName;
    this.ended = once(child, "close");
  }

  /** Starts a run; resolves to its id. */
  async start(key: string): Promise<string> {
    const answer = new Promise<string>((resolveStart) => {
      const hear = (message: FromWorker): void => {
        if (message.kind !== "started" || message.key !== key) return;
        this.#child.off("message", hear);
        resolveStart(message.runId);
      };
      this.#child.on("message", hear);
    });
    this.#child.send({ key } satisfies ToWorker);
    return await answer;
  }

  /** Gives its runs back and ends. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

export class DeployBench {
  readonly world: World;
  readonly #folder: string;
  readonly #url: string;
  readonly #server: TestServer;

  private constructor(world: World, folder: string, url: string, server: TestServer) {
    this.world = world;
    this.#folder = folder;
    this.#url = url;
    this.#server = server;
  }

  static async open(builds: readonly BuildSource[]): Promise<DeployBench> {
    const folder = mkdtempSync(join(tmpdir(), "perdure-deploy-"));
    const server = await startServer("");
    const url = server.url("postgres");
    const world = await createPostgresWorld({ url });
    for (const source of builds) await build(folder, source);
    return new DeployBench(world, folder, url, server);
  }

  async close(): Promise<void> {
    await this.world.close();
    await this.#server.stop([], []);
    rmSync(this.#folder, { recursive: true });
  }

  /** A worker of this build that is at work. */
  async worker(buildName: string): Promise<DeployedWorker> {
    const program = resolve(import.meta.dirname, "worker.ts");
    const child = spawnNode([program], environmentOf({ folder: this.#folder, url: this.#url, build: buildName }));
    onTestFinished(() => void child.kill("SIGKILL"));
    let complaints = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
    const worker = new DeployedWorker(child, buildName);
    const failed = worker.ended.then(() => {
      throw new Error(`The worker ended before it worked:\n${complaints}`);
    });
    await Promise.race([once(child, "message"), failed]);
    failed.catch(() => {});
    return worker;
  }

  /** Lets the bodies go on that wait at the gate, and all later ones. */
  openGate(): void {
    writeFileSync(gatePath(this.#folder), "");
  }

  /** Bodies that began, in their order. */
  bodies(): readonly BodyLine[] {
    const path = ledgerPath(this.#folder);
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line) as BodyLine);
  }

  bodiesOf(runId: string): readonly BodyLine[] {
    return this.bodies().filter(({ run }) => run === runId);
  }

  /** Looks again and again; the test's own timeout is the only bound. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await pause(20);
  }

  async run(runId: string): Promise<RunRecord> {
    const run = await this.world.runs.get(runId);
    if (run === null) throw new Error(`There is no run ${runId}.`);
    return run;
  }

  /** Resolves to why the run is parked, once it is. */
  async parked(runId: string): Promise<NonNullable<RunRecord["parked"]>> {
    for (;;) {
      const { parked } = await this.run(runId);
      if (parked !== null) return parked;
      await pause(20);
    }
  }

  log(runId: string): Promise<readonly LogEvent[]> {
    return this.world.log.read(runId, { after: 0, limit: 1_000 });
  }

  value(runId: string): Promise<unknown> {
    return getRun<unknown>(runId, { world: this.world }).wait();
  }
}
