import { UsageError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { helpText } from "./command-help.ts";
import { type HelpTopic, parseCommandLine } from "./command-line.ts";
import { main } from "./main.ts";

const id = "wrun_01JD4T0000000000000000000A";
const list = { name: "runs list", status: null, workflow: null, parkedOnly: false, limit: 50, json: false };

describe("understands", () => {
  test.each([
    [[], { name: "help", topic: "perdure" }],
    [["help"], { name: "help", topic: "perdure" }],
    [["-h"], { name: "help", topic: "perdure" }],
    [["runs"], { name: "help", topic: "runs" }],
    [["runs", "--help"], { name: "help", topic: "runs" }],
    [["runs", "show", "--help"], { name: "help", topic: "runs show" }],
    [["runs", "list"], list],
    [
      ["runs", "list", "--status=failed", "--workflow", "w", "--parked", "--limit", "7", "--json"],
      { name: "runs list", status: "failed", workflow: "w", parkedOnly: true, limit: 7, json: true },
    ],
    [["runs", "show", id, "--data"], { name: "runs show", runId: id, json: false, data: true }],
    [["runs", "cancel", id, "--reason", "x"], { name: "runs cancel", runId: id, reason: "x" }],
    [["runs", "unpark", "--verbose", id], { name: "runs unpark", runId: id }],
    [["runs", "list", "--world", "postgres", "--limit", "1"], { ...list, limit: 1, world: "postgres" }],
    [["postgres"], { name: "help", topic: "postgres" }],
    [["postgres", "purge", "-h"], { name: "help", topic: "postgres purge" }],
    [["postgres", "migrate", "--dry-run"], { name: "postgres migrate", dryRun: true, json: false }],
    [["postgres", "status", "--json"], { name: "postgres status", json: true }],
    [["postgres", "doctor"], { name: "postgres doctor", json: false }],
    [["postgres", "doctor", "--world=local"], { name: "postgres doctor", json: false, world: "local" }],
    [["dev", "--help", "app.ts"], { name: "help", topic: "dev" }],
    [["dev", "app.ts"], { name: "dev", entry: "app.ts", args: [] }],
    [["dev", "app.ts", "--world", "local"], { name: "dev", entry: "app.ts", args: [], world: "local" }],
    [["dev", "--world", "postgres"], { name: "dev", entry: null, args: [], world: "postgres" }],
    [["dev", "app.ts", "--", "--help", "--", "x"], { name: "dev", entry: "app.ts", args: ["--help", "--", "x"] }],
    [
      ["postgres", "purge", "--older-than", "30d", "--status", "failed"],
      { name: "postgres purge", olderThanMs: 2_592_000_000, status: "failed", dryRun: false, json: false },
    ],
  ])("%j", (argv, command) => {
    expect(parseCommandLine(argv)).toEqual(command);
  });
});

describe("refuses", () => {
  test.each([
    [["rnus"], 'There is no command "rnus".', 'Did you mean "runs"?'],
    [["zebra"], 'There is no command "zebra".', "Known: dev, runs, postgres, help."],
    [["--version"], 'There is no option or command "--version" here.', "perdure --help"],
    [["runs", "lsit"], 'There is no command "runs lsit".', 'Did you mean "list"?'],
    [["runs", "constructor"], 'There is no command "runs constructor".', "Known: list"],
    [["runs", "list", "--statsu", "failed"], '"runs list" has no option --statsu.', 'Did you mean "--status"?'],
    [["runs", "list", "-x"], '"runs list" has no option -x.', "Known:"],
    [["runs", "list", "--status"], "argument missing", "perdure runs list --help"],
    [["runs", "list", "--status", "faild"], 'There is no status "faild".', 'Did you mean "failed"?'],
    [["runs", "list", "--limit", "0"], "--limit needs a whole number from 1 to 10000", ""],
    [["runs", "list", "--limit", "1e3"], '"1e3"', ""],
    [["runs", "list", "extra"], '"runs list" takes no argument', ""],
    [["runs", "show"], '"runs show" needs the id of a run.', "wrun_"],
    [["runs", "show", id, id], "also got", ""],
    [["runs", "show", "wrun_short"], '"wrun_short" is not a run id', ""],
    [["runs", "show", id.toLowerCase()], "is not a run id", ""],
    [["runs", "show", "../../etc/passwd"], "is not a run id", ""],
    [["runs", "cancel", id, "--reason", "x".repeat(513)], "--reason may have 512 characters, and has 513.", ""],
    [["runs", "show", id, "--data=1"], "does not take an argument", ""],
    [["dev"], '"dev" needs the entry module of a program.', "perdure dev app.ts"],
    [["dev", "--", "app.ts"], '"dev" needs the entry module of a program.', "perdure dev app.ts"],
    [["dev", "--world", "local"], '"dev" needs the entry module of a program.', "perdure dev --world postgres"],
    [["dev", "app.ts", "x"], 'and also got "x"', "perdure dev app.ts -- x"],
    [["dev", "app.ts", "--wrold", "postgres"], '"dev" has no option --wrold.', 'Did you mean "--world"?'],
    [["dev", "app.ts", "--world", "lokal"], 'There is no world "lokal".', 'Did you mean "local"?'],
    [["runs", "list", "--world", "mysql"], 'There is no world "mysql".', "Known: local, postgres."],
    [["postgres", "migrat"], 'There is no command "postgres migrat".', 'Did you mean "migrate"?'],
    [["postgres", "status", "now"], '"postgres status" takes no argument', "perdure postgres status --help"],
    [["postgres", "purge"], "--older-than needs an age of 1m or more, and it is missing.", "30d"],
    [["postgres", "purge", "--older-than", "59s"], 'and got "59s"', ""],
    [["postgres", "purge", "--older-than", "1y"], 'and got "1y"', ""],
    [["postgres", "purge", "--older-than", "1d", "--status", "running"], 'no status "running"', "cancelled"],
  ])("%j", (argv, message, hint) => {
    const refusal = refusalOf(argv);
    expect(refusal.message).toContain(message);
    expect(refusal.message).toContain(hint);
  });

  function refusalOf(argv: readonly string[]): UsageError {
    try {
      parseCommandLine(argv);
    } catch (error) {
      if (UsageError.is(error)) return error;
      throw error;
    }
    throw new Error("it was understood");
  }
});

test.each([[["runs", "list", "--nope"]], [["runs", "show", "x"]], [["nope"]]])(
  "%j exits with 2 and never asks for the world",
  async (argv) => {
    let asked = false;
    const code = await main(argv, {
      loadWorld: () => {
        asked = true;
        return Promise.reject(new Error("unexpected"));
      },
      loadOperations: () => Promise.reject(new Error("unexpected")),
      develop: () => Promise.reject(new Error("unexpected")),
      stdout: { write: () => undefined },
      stderr: { write: () => undefined },
      env: {},
    });
    expect([code, asked]).toEqual([2, false]);
  },
);

test.each<[HelpTopic, readonly string[]]>([
  [
    "perdure",
    [
      "dev <entry>",
      "runs list",
      "runs show",
      "runs cancel",
      "runs unpark",
      "postgres migrate",
      "postgres doctor",
      "Exit code",
    ],
  ],
  ["dev", ["--world", "PERDURE_POSTGRES_URL", "Exit code"]],
  ["runs list", ["--world", "--status", "--workflow", "--parked", "--limit", "--json", "--verbose", "--help"]],
  ["runs show", ["--data", "--json", "value"]],
  ["runs cancel", ["--reason"]],
  ["runs unpark", ["--verbose"]],
  ["postgres", ["migrate", "status", "purge", "doctor"]],
  ["postgres migrate", ["--dry-run", "--json"]],
  ["postgres status", ["--json"]],
  ["postgres purge", ["--older-than", "--status", "--dry-run", "--json"]],
  ["postgres doctor", ["--json", "Exit code"]],
])("the help of %s names everything", (topic, words) => {
  for (const word of words) expect(helpText(topic)).toContain(word);
});
