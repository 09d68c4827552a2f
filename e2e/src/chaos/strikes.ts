/** Carries a plan of faults out, and counts those that hit. */
import { setTimeout as pause } from "node:timers/promises";
import { type FaultKind, faultKinds, type PlannedFault } from "./fault-plan.ts";
import type { Scene } from "./scene.ts";

type StrikeParts = Pick<Scene, "server" | "proxy" | "books" | "workforce">;

export class Strikes {
  readonly #parts: StrikeParts;
  readonly #hits = new Map<FaultKind, number>();
  #restarting: Promise<void> = Promise.resolve();

  constructor(parts: StrikeParts) {
    this.#parts = parts;
  }

  /** Faults that hit. A cut counts once a connection was lost by it. */
  get counts(): Readonly<Record<FaultKind, number>> {
    const counts = faultKinds.map((kind) => [kind, this.#hits.get(kind) ?? 0]);
    return { ...(Object.fromEntries(counts) as Record<FaultKind, number>), cut: this.#parts.proxy.cuts };
  }

  /** Resolves when the last of them has struck and the server is up. */
  async carryOut(plan: readonly PlannedFault[]): Promise<void> {
    const startedAt = Date.now();
    const strikes: Promise<void>[] = [];
    for (const fault of plan) {
      await pause(Math.max(0, startedAt + fault.atMs - Date.now()));
      strikes.push(this.#strike(fault));
    }
    await Promise.all(strikes);
  }

  async #strike({ kind, draw }: PlannedFault): Promise<void> {
    const hit = await this.#carryOut(kind, draw);
    if (hit) this.#hits.set(kind, (this.#hits.get(kind) ?? 0) + 1);
  }

  async #carryOut(kind: FaultKind, draw: number): Promise<boolean> {
    const { workforce, books, proxy } = this.#parts;
    switch (kind) {
      case "kill":
        return workforce.kill(draw);
      case "suspend":
        return workforce.suspend(draw);
      case "terminate":
        // The server may be down.
        return await books.terminate(draw).catch(() => false);
      case "cut":
        proxy.cutAnswerTo(cutStatement(draw));
        return false;
      case "restart":
        return await this.#restart();
    }
  }

  async #restart(): Promise<boolean> {
    const { server } = this.#parts;
    if (server === null) return false;
    this.#restarting = this.#restarting.then(() => server.crash());
    await this.#restarting;
    return true;
  }
}

/** Which commit is not answered: of appends to logs, of appends to streams, or of claims. */
function cutStatement(draw: number): string {
  if (draw < 0.6) return "write_run";
  return draw < 0.8 ? "write_streams" : "COMMIT";
}
