import { describe, expect, it } from "vitest";
import { ServerClock } from "./server-clock.ts";

describe("the server's clock as it is known here", () => {
  it("is not known before the first reading", () => {
    expect(new ServerClock().estimate()).toBeNull();
  });

  it("goes on with the time that passes here, in whole milliseconds", () => {
    let elapsed = 10.25;
    const clock = new ServerClock(() => elapsed);
    clock.learn(1_000);
    expect(clock.estimate()).toBe(1_000);
    elapsed = 12.2;
    expect(clock.estimate()).toBe(1_001);
  });

  it("is corrected by the server that refuses what it says, and by no other answer", () => {
    let elapsed = 0;
    const clock = new ServerClock(() => elapsed);
    clock.learn(1_000);
    elapsed = 5;
    clock.learnFrom({ outcome: "written", now: 400 });
    expect(clock.estimate()).toBe(1_005);
    clock.learnFrom({ outcome: "clock", now: 400 });
    clock.learnFrom({ outcome: "stale", now: null });
    expect(clock.estimate()).toBe(400);
  });
});
