/** Streams: what a step writes, once, in order, and by nobody but its latest execution; and readers that wait for it. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import { type StreamAppend, type StreamPage, type StreamWriter, streamBounds } from "../streams.ts";
import type { World } from "../world.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import {
  bytes,
  cancelled,
  runCompleted,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  text,
} from "./requests.ts";
import { written } from "./test-driver.ts";

const step = (attempt = 1, delivery = 1, id = "step_a"): StreamWriter => ({ by: "step", step: id, attempt, delivery });
const outside = (key: string): StreamWriter => ({ by: "outside", key });

function batch(n: number, chunks: readonly string[], parts: Partial<StreamAppend> = {}): StreamAppend {
  return { name: "out", writer: step(), n, chunks: chunks.map(bytes), close: null, ...parts };
}

const closing = (n: number, chunks: readonly string[] = [], error: Uint8Array | null = null): StreamAppend =>
  batch(n, chunks, { close: { error } });

/** What a page holds, as texts. */
const textsOf = ({ chunks }: StreamPage) => chunks.map(text);

/** A whole stream, read in pages. */
async function readAll(world: World, runId: string, limit = 1_000, from = 0): Promise<(string | null)[]> {
  const all: (string | null)[] = [];
  let next = from;
  for (;;) {
    const page = await world.streams.read(runId, "out", { from: next, limit });
    ok(page.chunks.length <= limit, `a page holds at most ${limit} chunks, not ${page.chunks.length}`);
    ok(from < 0 || page.first === next, `the page begins at ${page.first}, not at ${next}`);
    all.push(...textsOf(page));
    next = page.first + page.chunks.length;
    if (next >= page.count) return all;
  }
}

const first = (index: number) => ({ kind: "appended", first: index });
const refused = (reason: string) => ({ kind: "refused", reason });
const byWriter = (error: Uint8Array | null = null) => ({ by: "writer", error });

const writing = [
  scenario("C1: chunks are numbered from 0, and come back as they were written", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const { runId, world } = driver;
    deepEqual(await world.streams.append(runId, batch(1, ["a", "b"])), first(0));
    deepEqual(await world.streams.append(runId, batch(2, [""])), first(2));
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    deepEqual(await world.streams.append(runId, { ...batch(3, []), chunks: [all] }), first(3));
    const page = await (await bench.fixture.second()).streams.read(runId, "out", { from: 0, limit: 10 });
    deepEqual([page.first, page.count, page.end], [0, 4, null]);
    deepEqual([...textsOf(page).slice(0, 3)], ["a", "b", ""]);
    deepEqual(new Uint8Array(page.chunks[3] ?? []), all);
  }),
  scenario("C1: a stream can be read from any index, in pages of any size", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const letters = [..."abcdefghij"];
    for (const [index, part] of [letters.slice(0, 3), letters.slice(3, 4), letters.slice(4)].entries()) {
      await bench.world.streams.append(driver.runId, batch(index + 1, part));
    }
    for (const limit of [1, 3, 10, 100]) {
      for (const from of [0, 1, 3, 9]) {
        deepEqual(await readAll(bench.world, driver.runId, limit, from), letters.slice(from));
      }
      for (const from of [-1, -4, -10, -11]) {
        deepEqual(await readAll(bench.world, driver.runId, limit, from), letters.slice(from));
      }
    }
    const beyond = await bench.world.streams.read(driver.runId, "out", { from: 12, limit: 5 });
    deepEqual([beyond.first, beyond.chunks.length, beyond.count], [12, 0, 10]);
  }),
  scenario("C2: a batch that is sent again is written once, also after the end", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const { streams } = bench.world;
    const second = await bench.fixture.second();
    for (const world of [bench.world, second, bench.world]) {
      deepEqual(await world.streams.append(driver.runId, batch(1, ["a", "b"])), first(0));
    }
    deepEqual(await streams.append(driver.runId, batch(2, ["c"])), first(2));
    deepEqual(await second.streams.append(driver.runId, batch(2, ["c"])), first(2));
    deepEqual(await streams.append(driver.runId, batch(1, ["a", "b"])), { kind: "fenced" });
    deepEqual(await streams.append(driver.runId, batch(4, ["e"])), refused("gap"));
    const last = closing(3, ["d"]);
    deepEqual(await streams.append(driver.runId, last), first(3));
    await driver.facts(stepCompleted("step_a"));
    await driver.decide(runCompleted());
    deepEqual(await second.streams.append(driver.runId, last), first(3));
    deepEqual(await readAll(bench.world, driver.runId), ["a", "b", "c", "d"]);
  }),
  scenario("C2: one batch that two processes send at once is written once", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const second = await bench.fixture.second();
    for (let n = 1; n <= 5; n += 1) {
      const both = [bench.world, second].map((world) => world.streams.append(driver.runId, batch(n, [`${n}`])));
      deepEqual(await Promise.all(both), [first(n - 1), first(n - 1)]);
    }
    deepEqual(await readAll(second, driver.runId), ["1", "2", "3", "4", "5"]);
  }),
  scenario("C1: several writers at once: the stream has no hole, and each one's order is kept", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const write = async (world: World, key: string) => {
      for (let n = 1; n <= 6; n += 1) {
        const result = await world.streams.append(driver.runId, batch(n, [`${key}${n}`], { writer: outside(key) }));
        equal(result.kind, "appended");
      }
    };
    await Promise.all([write(bench.world, "a"), write(second, "b"), write(second, "c"), write(bench.world, "d")]);
    const all = await readAll(bench.world, driver.runId);
    equal(all.length, 24);
    for (const key of ["a", "b", "c", "d"]) {
      const own = all.filter((chunk) => chunk?.startsWith(key));
      deepEqual(
        own,
        [1, 2, 3, 4, 5, 6].map((n) => `${key}${n}`),
      );
    }
  }),
  scenario("what a caller does to its bytes after the call is not seen, nor what a reader does", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const mine = bytes("mine");
    const error = bytes("error");
    const call = bench.world.streams.append(driver.runId, { ...closing(1, [], error), chunks: [mine] });
    mine.fill(0);
    error.fill(0);
    await call;
    for (let round = 0; round < 2; round += 1) {
      const page = await bench.world.streams.read(driver.runId, "out", { from: 0, limit: 1 });
      deepEqual(textsOf(page), ["mine"]);
      ok(page.end?.by === "writer");
      equal(text(page.end.error), "error");
      page.chunks[0]?.fill(0);
      page.end.error?.fill(0);
    }
  }),
  scenario("a stream leaves the run's row and log as they are", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    await bench.untouched(driver.runId, () => bench.world.streams.append(driver.runId, closing(1, ["a"])));
  }),
  scenario("an append beyond the bounds is refused with a typed error", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const { chunksPerAppend, chunkBytes, bytesPerAppend, nameLength } = streamBounds;
    const chunk = new Uint8Array(chunkBytes);
    const tooLarge: readonly Partial<StreamAppend>[] = [
      { chunks: Array.from({ length: chunksPerAppend + 1 }, () => bytes("")) },
      { chunks: [new Uint8Array(chunkBytes + 1)] },
      { chunks: [chunk, chunk, new Uint8Array(bytesPerAppend - 2 * chunkBytes + 1)] },
      { name: "" },
      { name: "n".repeat(nameLength + 1) },
      { writer: outside("k".repeat(nameLength + 1)) },
    ];
    for (const parts of tooLarge) {
      const call = bench.world.streams.append(driver.runId, batch(1, [], parts));
      await rejects(call, (failure) => StoreError.is(failure) && failure.code === "STORE_UNSUPPORTED");
    }
    equal(await bench.world.streams.info(driver.runId, "out"), null);
    const most = batch(1, [], { name: "n".repeat(nameLength), chunks: [chunk, new Uint8Array(0)] });
    deepEqual(await bench.world.streams.append(driver.runId, most), first(0));
  }),
];

const fencing = [
  scenario("C4: once the next attempt is decided, the one before writes nothing more", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const { streams } = bench.world;
    deepEqual(await streams.append(driver.runId, batch(1, ["first"])), first(0));
    await driver.facts(stepRetrying("step_a", 2, bench.now));
    deepEqual(await streams.append(driver.runId, batch(2, ["zombie"])), { kind: "fenced" });
    deepEqual(await streams.append(driver.runId, batch(1, ["first"])), { kind: "fenced" });
    deepEqual(await streams.append(driver.runId, batch(1, ["second"], { writer: step(2) })), first(1));
    deepEqual(await streams.append(driver.runId, closing(2)), { kind: "fenced" });
    deepEqual(await readAll(bench.world, driver.runId), ["first", "second"]);
  }),
  scenario("C4: after a takeover the lost worker's body writes nothing more", async (bench) => {
    const driver = await bench.drive("w1");
    await driver.decide(stepCreated("step_a"));
    deepEqual(await bench.world.streams.append(driver.runId, batch(1, ["first"])), first(0));
    bench.expire();
    const second = await bench.fixture.second();
    const next = await bench.claim("w2", second);
    await next.facts(stepStarted("step_a", 2));
    deepEqual(await bench.world.streams.append(driver.runId, batch(2, ["zombie"])), { kind: "fenced" });
    deepEqual(await second.streams.append(driver.runId, batch(1, ["next"], { writer: step(1, 2) })), first(1));
    deepEqual(await bench.world.streams.append(driver.runId, batch(2, ["zombie"])), { kind: "fenced" });
    deepEqual(await readAll(second, driver.runId), ["first", "next"]);
  }),
  scenario(
    "a step that has its result writes nothing more; one that the log does not know writes nothing",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
      const { streams } = bench.world;
      deepEqual(await streams.append(driver.runId, batch(1, ["a"])), first(0));
      deepEqual(await streams.append(driver.runId, batch(1, ["b"], { writer: step(1, 1, "step_b") })), first(1));
      await driver.facts(stepCompleted("step_a"), stepFailed("step_b"));
      deepEqual(await streams.append(driver.runId, batch(2, ["late"])), refused("step_done"));
      deepEqual(
        await streams.append(driver.runId, batch(2, ["late"], { writer: step(1, 1, "step_b") })),
        refused("step_done"),
      );
      deepEqual(
        await streams.append(driver.runId, batch(1, ["x"], { writer: step(1, 1, "step_x") })),
        refused("step_unknown"),
      );
      await driver.decide(stepCreated("step_c"));
      deepEqual(
        await streams.append(driver.runId, batch(1, ["x"], { writer: step(2, 1, "step_c") })),
        refused("step_unknown"),
      );
      deepEqual(await readAll(bench.world, driver.runId), ["a", "b"]);
    },
  ),
  scenario("C5 X2: the end of a run is the end of its streams", async (bench) => {
    for (const end of ["completed", "cancelled"] as const) {
      const driver = await bench.drive();
      await driver.decide(stepCreated("step_a"));
      const { streams } = bench.world;
      deepEqual(await streams.append(driver.runId, batch(1, ["a"])), first(0));
      deepEqual(await streams.append(driver.runId, batch(2, ["b"])), first(1));
      if (end === "completed") await driver.decide(runCompleted());
      else written(await (await bench.fixture.second()).log.append(driver.runId, cancelled()));
      deepEqual(await streams.append(driver.runId, batch(3, ["late"])), refused("run_ended"));
      deepEqual(await streams.append(driver.runId, batch(1, ["late"], { writer: outside("o") })), refused("run_ended"));
      const page = await streams.read(driver.runId, "out", { from: 1, limit: 5 });
      deepEqual([textsOf(page), page.count, page.end], [["b"], 2, { by: "run", status: end }]);
      const nothing = await streams.read(driver.runId, "none", { from: 0, limit: 5, waitMs: longMs });
      deepEqual([nothing.count, nothing.end], [0, { by: "run", status: end }]);
    }
  }),
  scenario("C5: a writer closes a stream for all, once", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
    const { streams } = bench.world;
    deepEqual(await streams.append(driver.runId, closing(1, ["a", "b"])), first(0));
    const other = { writer: step(1, 1, "step_b") };
    deepEqual(await streams.append(driver.runId, batch(1, ["late"], other)), refused("closed"));
    deepEqual(await streams.append(driver.runId, { ...closing(1, [], bytes("broken")), ...other }), first(2));
    deepEqual(await streams.append(driver.runId, closing(2)), first(2));
    const page = await (await bench.fixture.second()).streams.read(driver.runId, "out", { from: 0, limit: 5 });
    deepEqual([textsOf(page), page.end], [["a", "b"], byWriter()]);
    await driver.decide(runCompleted());
    deepEqual((await streams.info(driver.runId, "out"))?.end, byWriter());
  }),
  scenario("a stream that breaks off says why", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    await bench.world.streams.append(driver.runId, closing(1, ["a"], bytes("broken")));
    for (const { end } of [
      await bench.world.streams.read(driver.runId, "out", { from: 1, limit: 1 }),
      (await bench.world.streams.info(driver.runId, "out")) ?? { end: null },
    ]) {
      ok(end?.by === "writer");
      equal(text(end.error), "broken");
    }
  }),
];

/** More than any case takes; no case waits for it. */
const longMs = 20_000;

/** Some turns of the event loop, in which whoever does not wait is done. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

const reading = [
  scenario("C1: readers that wait hear of chunks and of the end, in every process", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const second = await bench.fixture.second();
    const tail = async (world: World) => {
      const seen: (string | null)[] = [];
      for (;;) {
        const page = await world.streams.read(driver.runId, "out", { from: seen.length, limit: 2, waitMs: longMs });
        if (page.chunks.length === 0 && page.end === null) return ["an answer before there was anything"];
        seen.push(...textsOf(page));
        if (page.end !== null && seen.length === page.count) return seen;
      }
    };
    const readers = [tail(bench.world), tail(second), tail(second)];
    await turns();
    await bench.world.streams.append(driver.runId, batch(1, ["a"]));
    await second.streams.append(driver.runId, batch(2, ["b", "c", "d"]));
    await bench.world.streams.append(driver.runId, closing(3));
    for (const seen of await Promise.all(readers)) deepEqual(seen, ["a", "b", "c", "d"]);
  }),
  scenario("C5: a reader that waits hears of the end of the run", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const range = { from: 0, limit: 5, waitMs: longMs };
    const waits = [bench.world, second].map((world) => world.streams.read(driver.runId, "out", range));
    await turns();
    await driver.decide(runCompleted());
    for (const page of await Promise.all(waits)) {
      deepEqual(page, { first: 0, chunks: [], count: 0, end: { by: "run", status: "completed" } });
    }
  }),
  scenario(
    "a reader that waits is not disturbed by other streams, and gives up when its time is over",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(stepCreated("step_a"));
      await bench.world.streams.append(driver.runId, batch(1, ["a", "b"]));
      const wait = bench.world.streams.read(driver.runId, "out", { from: 2, limit: 5, waitMs: 20 });
      await bench.world.streams.append(driver.runId, batch(1, ["other"], { name: "other" }));
      deepEqual(await wait, { first: 2, chunks: [], count: 2, end: null });
    },
  ),
  scenario("a wait from the end of a stream misses nothing that comes meanwhile", async (bench) => {
    const driver = await bench.drive();
    await driver.decide(stepCreated("step_a"));
    const second = await bench.fixture.second();
    const wait = second.streams.read(driver.runId, "out", { from: -2, limit: 5, waitMs: longMs });
    await bench.world.streams.append(driver.runId, batch(1, ["a", "b", "c"]));
    const page = await wait;
    // Whether the reader or the writer was first, nobody can say; where it began, it goes on.
    const from = page.first;
    ok(from === 0 || from === 1);
    deepEqual(textsOf(page), ["a", "b", "c"].slice(from));
  }),
  scenario("the streams of a run are listed in pages, with what they hold", async (bench) => {
    const driver = await bench.drive();
    const createdAt = bench.now;
    await driver.decide(stepCreated("step_a"));
    deepEqual(await bench.world.streams.list(driver.runId, { after: null, limit: 10 }), []);
    const names = ["a", "b", "c", "a/b", "ü \\ \u0000"];
    for (const name of names) await bench.world.streams.append(driver.runId, batch(1, ["one", "three"], { name }));
    await bench.world.streams.append(driver.runId, { ...closing(2, ["!"]), name: "b" });
    const open = { count: 2, bytes: 8, createdAt, end: null };
    deepEqual(await bench.world.streams.info(driver.runId, "ü \\ \u0000"), { name: "ü \\ \u0000", ...open });
    deepEqual(await bench.world.streams.info(driver.runId, "none"), null);
    const seen: string[] = [];
    for (let after: string | null = null; ; after = seen.at(-1) ?? null) {
      const page = await (await bench.fixture.second()).streams.list(driver.runId, { after, limit: 2 });
      if (page.length === 0) break;
      for (const info of page) {
        deepEqual(info, {
          name: info.name,
          ...(info.name === "b" ? { count: 3, bytes: 9, createdAt, end: byWriter() } : open),
        });
        seen.push(info.name);
      }
    }
    deepEqual(seen.toSorted(), names.toSorted());
  }),
  scenario("streams of different runs know nothing of each other", async (bench) => {
    const [one, two] = [await bench.drive(), await bench.drive()];
    for (const driver of [one, two]) {
      await driver.decide(stepCreated("step_a"));
      deepEqual(await bench.world.streams.append(driver.runId, batch(1, [driver.runId])), first(0));
    }
    deepEqual(await readAll(bench.world, two.runId), [two.runId]);
  }),
  scenario("a call about an unknown run is a typed error", async (bench) => {
    const { streams } = bench.world;
    for (const call of [
      () => streams.append("wrun_unknown", batch(1, ["a"])),
      () => streams.read("wrun_unknown", "out", { from: 0, limit: 1, waitMs: longMs }),
      () => streams.info("wrun_unknown", "out"),
      () => streams.list("wrun_unknown", { after: null, limit: 1 }),
    ]) {
      await rejects(call(), (failure) => WorkflowRunNotFoundError.is(failure));
    }
  }),
  scenario(
    "L2: chunks that were acknowledged, and who wrote them, survive when the store is opened again",
    async (bench) => {
      const driver = await bench.drive();
      await driver.decide(stepCreated("step_a"));
      deepEqual(await bench.world.streams.append(driver.runId, batch(1, ["a"])), first(0));
      await bench.fixture.restart();
      deepEqual(await bench.world.streams.append(driver.runId, batch(1, ["a"])), first(0));
      deepEqual(await bench.world.streams.append(driver.runId, closing(2, ["b"])), first(1));
      await bench.fixture.restart();
      deepEqual(await readAll(bench.world, driver.runId), ["a", "b"]);
      deepEqual((await bench.world.streams.info(driver.runId, "out"))?.end, byWriter());
    },
    "restart",
  ),
];

export const streamGroup: ConformanceGroup = { subject: "streams", cases: [...writing, ...fencing, ...reading] };
