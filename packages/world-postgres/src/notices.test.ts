import { describe, expect, it } from "vitest";
import { decodeNotification, encodeNotification } from "./notices.ts";

const notice = (runId: string) => ({ runId, settled: true, hint: false, streamed: false });

describe("a notification", () => {
  it("comes back as it was sent", () => {
    const notification = {
      from: "here",
      notices: [notice("wrun_1"), { runId: "wrun_2", settled: false, hint: true, streamed: true }],
    };
    expect(decodeNotification(encodeNotification(notification))).toEqual(notification);
  });

  it("names nothing when its names would not fit", () => {
    const many = Array.from({ length: 300 }, (_, index) => notice(`wrun_${String(index).padStart(26, "0")}`));
    const text = encodeNotification({ from: "here", notices: many });
    expect(Buffer.byteLength(text)).toBeLessThan(8_000);
    expect(decodeNotification(text)).toEqual({ from: "here", notices: null });
  });

  it.each(["", "nonsense", "null", "1", "[1]", "{}", '["here",3]', '["here",[1]]'])(
    "that is not ours is passed over: %s",
    (text) => {
      expect(decodeNotification(text)).toBeNull();
    },
  );
});
