import fc from "fast-check";
import { expect, test } from "vitest";
import { DueQueue } from "./due-queue.ts";

test("runs come out by due time, and in order of entry where they are due together", () => {
  const queue = new DueQueue();
  queue.set("b", 20);
  queue.set("a", 10);
  queue.set("c", 20);
  queue.set("d", 5);
  queue.delete("d");
  queue.set("e", 20);
  queue.set("b", 20);
  expect(drain(queue)).toEqual(["a", "b", "c", "e"]);
});

test("any sequence of entries, moves and removals leaves the order that a sort would give", () => {
  const operation = fc.record({
    runId: fc.constantFrom(..."abcdefghijkl"),
    dueAt: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const queue = new DueQueue();
      const model = new Map<string, { dueAt: number; turn: number }>();
      let turn = 0;
      for (const { runId, dueAt } of operations) {
        if (dueAt === null) {
          queue.delete(runId);
          model.delete(runId);
          continue;
        }
        queue.set(runId, dueAt);
        turn += 1;
        if (model.get(runId)?.dueAt !== dueAt) model.set(runId, { dueAt, turn });
      }
      expect(queue.size).toBe(model.size);
      const sorted = [...model].sort(([, a], [, b]) => a.dueAt - b.dueAt || a.turn - b.turn);
      expect(drain(queue)).toEqual(sorted.map(([runId]) => runId));
    }),
  );
});

function drain(queue: DueQueue): string[] {
  const order: string[] = [];
  for (let first = queue.first(); first !== undefined; first = queue.first()) {
    order.push(first.runId);
    queue.delete(first.runId);
  }
  return order;
}
