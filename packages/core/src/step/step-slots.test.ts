import { describe, expect, it } from "vitest";
import { type SlotLimits, StepSlots } from "./step-slots.ts";

/** Bodies that end when the test says so, in the order in which they began. */
class Bodies {
  readonly slots: StepSlots;
  readonly begun: string[] = [];
  readonly #running = new Map<string, () => void>();

  constructor(limits: Partial<SlotLimits>) {
    this.slots = new StepSlots({ perWorker: 100, perRun: 100, perQueue: {}, ...limits });
  }

  submit(runId: string, count: number, queue: string | null = null): void {
    for (let index = 1; index <= count; index += 1) {
      const name = `${runId}${queue === null ? "" : ` ${queue}`} ${index}`;
      this.slots.submit({ runId, queue }, (done) => {
        this.begun.push(name);
        this.#running.set(name, done);
      });
    }
  }

  /** Ends the body that has run longest, or the named one. */
  end(name = this.running[0] ?? ""): void {
    const done = this.#running.get(name);
    this.#running.delete(name);
    done?.();
  }

  get running(): readonly string[] {
    return [...this.#running.keys()];
  }
}

describe("step slots", () => {
  it("let a run with ten thousand ready steps starve nobody", () => {
    const bodies = new Bodies({ perWorker: 4, perRun: 4 });
    bodies.submit("large", 10_000);
    bodies.submit("small", 2);
    bodies.submit("other", 1);
    for (let count = 0; count < 4; count += 1) bodies.end();
    expect(bodies.begun.slice(4)).toEqual(["small 1", "other 1", "large 5", "small 2"]);
    while (bodies.running.length > 0) bodies.end();
    expect(bodies.begun).toHaveLength(10_003);
    expect(bodies.slots.runningCount).toBe(0);
  });

  it("keep a run to its own share although the worker has more", () => {
    const bodies = new Bodies({ perRun: 2 });
    bodies.submit("a", 3);
    bodies.submit("b", 1);
    expect(bodies.running).toEqual(["a 1", "a 2", "b 1"]);
    bodies.end("a 2");
    expect(bodies.running).toEqual(["a 1", "b 1", "a 3"]);
  });

  it("forget what a dropped run has waiting, in every queue, and count what still runs", () => {
    const bodies = new Bodies({ perWorker: 2, perQueue: { mail: 1 } });
    bodies.submit("a", 3);
    bodies.submit("a", 2, "mail");
    bodies.slots.drop("a");
    bodies.submit("b", 1);
    expect(bodies.running).toEqual(["a 1", "a 2"]);
    bodies.end();
    bodies.end();
    expect(bodies.begun).toEqual(["a 1", "a 2", "b 1"]);
    bodies.submit("a", 1, "mail");
    expect(bodies.running).toEqual(["b 1", "a mail 1"]);
  });
});

describe("queues", () => {
  it("run as many bodies as was said of them, over all runs, and no fewer", () => {
    const bodies = new Bodies({ perQueue: { mail: 2, disk: 1 } });
    for (const runId of ["a", "b", "c"]) {
      bodies.submit(runId, 2, "mail");
      bodies.submit(runId, 1, "disk");
    }
    expect(bodies.running).toEqual(["a mail 1", "a mail 2", "a disk 1"]);
    bodies.end("a mail 1");
    bodies.end("a disk 1");
    expect(bodies.running).toEqual(["a mail 2", "b mail 1", "b disk 1"]);
    const most = { mail: 0, disk: 0 };
    while (bodies.running.length > 0) {
      for (const queue of ["mail", "disk"] as const) {
        const count = bodies.running.filter((name) => name.includes(queue)).length;
        most[queue] = Math.max(most[queue], count);
      }
      bodies.end();
    }
    expect(most).toEqual({ mail: 2, disk: 1 });
    expect(bodies.begun).toHaveLength(9);
  });

  it("that are full hold up neither other queues nor other steps of their runs", () => {
    const bodies = new Bodies({ perWorker: 3, perQueue: { mail: 1 } });
    bodies.submit("a", 10_000, "mail");
    bodies.submit("a", 1);
    bodies.submit("b", 1);
    expect(bodies.running).toEqual(["a mail 1", "a 1", "b 1"]);
  });

  it("take turns for the slots of the worker, however much waits in one", () => {
    const bodies = new Bodies({ perWorker: 1, perQueue: { mail: 5, disk: 5 } });
    bodies.submit("a", 100, "mail");
    bodies.submit("b", 100, "disk");
    bodies.submit("c", 2);
    for (let count = 0; count < 6; count += 1) bodies.end();
    expect(bodies.begun.filter((name) => name.startsWith("c"))).toHaveLength(2);
    expect(bodies.begun.filter((name) => name.includes("disk"))).toHaveLength(2);
  });

  it("that nothing was said of are limited as steps of no queue", () => {
    const bodies = new Bodies({ perWorker: 2, perQueue: { mail: 1 } });
    bodies.submit("a", 3, "constructor");
    expect(bodies.running).toEqual(["a constructor 1", "a constructor 2"]);
  });
});
