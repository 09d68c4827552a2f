/** Mutants of the worker and of its drives. */
import type { Mutant } from "../mutant.ts";

const worker = "packages/core/src/worker/worker.ts";
const drive = "packages/core/src/worker/drive.ts";
const residents = "packages/core/src/worker/residents.ts";
const machine = "packages/core/src/run/run-machine.ts";

const residenceOfAnyEnd = {
  file: machine,
  find: 'const released = this.#state.kind === "done" && this.#state.end.kind === "released" && this.#closing === null;',
  replace: "const released = this.#closing === null;",
};
const residenceAlwaysKept = {
  file: worker,
  find: 'if (residence !== null && end.kind === "released" && !this.#stopping) {',
  replace: "if (residence !== null && !this.#stopping) {",
};

export const workerMutants: readonly Mutant[] = [
  {
    name: "lost claims never given back",
    breaks: "Runs that a lost answer claimed are kept by a worker that does not drive them.",
    invariants: ["Q5"],
    edits: [
      {
        file: worker,
        find: "if (this.#mayHoldMore || env.elapsed() - this.#heldAskedAt >= heldAskedMs) await",
        replace: "if (env.elapsed() < 0) await",
      },
    ],
  },
  {
    name: "driven runs given back",
    breaks: "A worker that is not sure what it holds gives back what it drives as well.",
    invariants: ["D1", "S3", "Q1"],
    edits: [
      {
        file: worker,
        find: "if (this.#drives.has(runId) || this.#taking.has(runId)) continue;",
        replace: "",
      },
    ],
  },
  {
    name: "estimate over the wall clock",
    breaks: "The store's clock is estimated over the wall clock of the process, which jumps.",
    invariants: ["T1", "T3", "Q1"],
    edits: [
      {
        file: drive,
        find: "this.machine.input(input, this.#host.env.elapsed())",
        replace: "this.machine.input(input, this.#host.env.now())",
      },
      {
        file: worker,
        find: "this.#clock.observe(result.storeNow, env.elapsed());",
        replace: "this.#clock.observe(result.storeNow, env.now());",
      },
      {
        file: worker,
        find: "drive.machine.start(request, this.#parts.env.elapsed())",
        replace: "drive.machine.start(request, this.#parts.env.now())",
      },
      {
        file: worker,
        find: "return this.#clock.estimate(this.#parts.env.elapsed());",
        replace: "return this.#clock.estimate(this.#parts.env.now());",
      },
    ],
  },
  {
    name: "residence of a lost claim, machine alone",
    breaks: "The machine hands out an execution whose claim was lost.",
    invariants: ["R4"],
    coveredBy: "the worker, which keeps only what was released",
    edits: [residenceOfAnyEnd],
  },
  {
    name: "residence of a lost claim",
    breaks: "An execution is kept although its claim was lost.",
    invariants: ["R4"],
    pair: true,
    edits: [residenceOfAnyEnd, residenceAlwaysKept],
  },
  {
    name: "residence taken twice",
    breaks: "A resident execution stays on the shelf when a claim takes it.",
    invariants: ["R4", "Q1"],
    edits: [{ file: residents, find: "this.#runs.delete(runId);", replace: "" }],
  },
  {
    name: "step slot never free again",
    breaks: "A body that has finished keeps its slot.",
    invariants: ["Q5"],
    edits: [{ file: worker, find: "          done();\n", replace: "          void done;\n" }],
  },
  {
    name: "bodies of a lost run go on waiting",
    breaks: "Bodies that wait for a slot start although their run was lost meanwhile.",
    invariants: ["D1"],
    edits: [
      { file: worker, find: "      this.#slots.drop(drive.runId);\n", replace: "" },
      { file: worker, find: "    this.#slots.drop(runId);\n", replace: "" },
    ],
  },
  {
    name: "claim before goes on",
    breaks: "A worker that claims a run again goes on driving it under its claim before.",
    invariants: ["D1", "S3"],
    edits: [{ file: worker, find: "    this.#drives.get(runId)?.abandon();\n", replace: "" }],
  },
  {
    name: "double claims never given back",
    breaks: "A run that a claim took which reached the store twice is kept by a worker that does not know of it.",
    invariants: ["Q5", "T3"],
    edits: [
      {
        file: worker,
        find: "if (this.#mayHoldMore || env.elapsed() - this.#heldAskedAt >= heldAskedMs) await",
        replace: "if (this.#mayHoldMore) await",
      },
    ],
  },
  {
    name: "polled tails ignored",
    breaks: "A driver that is told that somebody else wrote does not read it.",
    invariants: ["Q5", "T3"],
    coveredBy: "the tail check of a release, and the answer to the next append",
    edits: [
      {
        file: machine,
        find: "this.#heardOf(input.tail);",
        replace: "",
      },
    ],
  },
  {
    name: "run without its bundle kept when it moved",
    breaks: "A run whose bundle cannot be had, and that is written to meanwhile, is held until the next look.",
    invariants: ["Q1"],
    aims: ["bundle.get"],
    edits: [{ file: worker, find: 'if (back === "moved") this.#mayHoldMore = true;', replace: "void back;" }],
  },
  {
    name: "abandoned runs given back",
    breaks: "A worker that stops gives back runs whose bodies are still at work.",
    invariants: ["S3"],
    coveredBy: "the worker's retirement, which gives the same runs back as soon as they are abandoned",
    edits: [
      {
        file: worker,
        find: "      if (this.#stopping) return;\n      if (this.#drives",
        replace: "      if (this.#drives",
      },
    ],
  },
  {
    name: "arguments for other parameters",
    breaks: "A step whose parameters are others than those of the recorded call is started.",
    invariants: ["V1"],
    edits: [
      {
        file: "packages/core/src/step/registry.ts",
        find: "own === null || own === shape ? null : own",
        replace: "own !== shape ? null : null",
      },
    ],
  },
];
