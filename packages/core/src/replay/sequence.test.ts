import { describe, expect, it } from "vitest";
import { given } from "./history.testing.ts";

describe("a workflow of sequential steps", () => {
  const history = () =>
    given(`async (order) => {
      const charged = await step("charge")(order, 2);
      await sleep("10s");
      return { charged, shipped: await step("ship")(charged) };
    }`);

  it("asks for one operation after the other and returns", () => {
    const run = history().start({ id: 7 }).completes("charge#1", "c1").wakes("sleep#1").completes("ship#1", [1]);
    expect(run.decisions()).toEqual(["charge#1", "sleep#1", "ship#1", "run_completed"]);
    expect(run.result()).toEqual({ charged: "c1", shipped: [1] });
    run.replaysEqually();
  });
});
