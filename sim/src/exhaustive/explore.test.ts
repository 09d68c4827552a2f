import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Edit } from "../mutants/mutant.ts";
import { type BrokenPath, type Explored, explore } from "./explore.ts";
import { smallPrograms } from "./small-programs.ts";

const run = promisify(execFile);
const explorer = fileURLToPath(new URL("./explore-process.ts", import.meta.url));

/** The long run takes every interleaving of every program; the usual one those of some. */
const isLong = process.env["PERDURE_LONG"] === "1";
const msMax = isLong ? 30 * 60_000 : 120_000;

/** Orders of six calls of each of two are 924; a search that has met far fewer has not looked. */
const pathsMin = 500;

describe("all interleavings of two drivers with six calls each", () => {
  const explored = smallPrograms.filter(({ always }) => isLong || always);
  it.each(explored)("D1 to D4: $name", { timeout: msMax }, async (program) => {
    const { paths, logs, movesMax, broken } = await explore(program);
    console.info(`${program.name}: ${paths} interleavings, ${logs} different logs, at most ${movesMax} moves`);
    expect(broken).toBeNull();
    expect(paths).toBeGreaterThan(pathsMin);
  });
});

interface ExploredMutant {
  readonly breaks: string;
  readonly program: string;
  /** Explored in every test run, not only in the long one. */
  readonly always?: true;
  readonly found: RegExp;
  readonly edits: readonly Edit[];
}

const mutants: readonly ExploredMutant[] = [
  {
    breaks: "the store compares the epoch of an append",
    program: "steps in a row",
    always: true,
    found: /^D1: /,
    edits: [
      {
        file: "packages/world/src/admit.ts",
        find: '  if (request.epoch !== run.epoch) return { kind: "fenced" };',
        replace: "",
      },
    ],
  },
  {
    breaks: "a body is dispatched after its step was acknowledged",
    program: "steps in a row",
    always: true,
    found: /^S5: /,
    edits: [
      {
        file: "packages/core/src/worker/drive.ts",
        find: '      case "append":\n',
        replace: `      case "append":
        for (const decision of effect.request.decisions) {
          if (decision.type !== "step_created" || decision.correlationId === null) continue;
          const created = { ...decision, position: 0, committedAt: 0, epoch: this.epoch, key: null } as never;
          const call = { created, correlationId: decision.correlationId, attempt: 1, delivery: 1 };
          void this.#host.runStep({ ...call, workflow: { name: "", startedAt: 0 } }, () => this.#signal());
        }
`,
      },
    ],
  },
  {
    breaks: "the store compares the tail of an append that was delivered before it was written",
    program: "a hook against a sleep, a payload",
    always: true,
    found: /^R1: /,
    edits: [
      {
        file: "packages/world/src/admit.ts",
        find: "request.ifTail !== null && request.ifTail !== run.tail",
        replace: "request.ifTail !== null && request.ifTail > run.tail",
      },
    ],
  },
  {
    breaks: "what was delivered before the tail moved is thrown away",
    program: "a hook against a sleep, a payload",
    found: /^R4: /,
    edits: [
      {
        file: "packages/core/src/run/run-machine.ts",
        find: "        this.#safe = true;\n        return this.#rebuild();\n",
        replace: "        this.#safe = true;\n        return this.#load();\n",
      },
    ],
  },
  {
    breaks: "a driver knows which bodies it has running",
    program: "a slow step, a payload",
    found: /^S3: /,
    edits: [
      {
        file: "packages/core/src/run/held-run.ts",
        find: "    if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;",
        replace: "    if (this.#results.has(correlationId)) return false;",
      },
    ],
  },
  {
    breaks: "what an earlier claim left open is started again",
    program: "a race of steps",
    found: /^Q1: /,
    edits: [
      {
        file: "packages/core/src/run/held-run.ts",
        find: 'view.entityOf("step", id)?.epoch !== this.#setup.epoch;',
        replace: 'view.entityOf("step", id) === undefined;',
      },
    ],
  },
];

describe("a guard that is taken away is found, with the list of choices that finds it again", () => {
  const explored = mutants.filter(({ always }) => isLong || always === true);
  it.each(explored)("$breaks: $program", { timeout: msMax }, async ({ program, edits, found }) => {
    const args = ["--conditions=@perdure/source", explorer, program, JSON.stringify(edits)];
    const { stdout } = await run(process.execPath, args, { timeout: msMax });
    const { broken, again } = JSON.parse(stdout) as Explored & { readonly again: BrokenPath | null };
    expect(broken?.violations[0]).toMatch(found);
    expect(again).toEqual(broken);
  });
});
