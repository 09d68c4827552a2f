/** From the words of a command line to a command, or a `UsageError` that says what is wrong with them. Pure. */
import { parseArgs } from "node:util";
import { nearestName, UsageError } from "@perdure/errors";
import { type EndedStatus, endedShownMs, isId, parseAge, type RunStatus } from "@perdure/world";

/** What the user asked for. */
export type Command =
  | { readonly name: "help"; readonly topic: HelpTopic }
  | ListCommand
  | ShowCommand
  | CancelCommand
  | UnparkCommand
  | StoreCommand
  | DevCommand;

/** The worlds that a command line can name; without a name it is the configured one. */
export type WorldName = "local" | "postgres";

/** What every command but `help` can be given. */
interface OnWorld {
  readonly world?: WorldName;
}

/** Runs a program while it is being written. */
export interface DevCommand extends OnWorld {
  readonly name: "dev";
  /** The program's entry module; null: only the server of the world is wanted. */
  readonly entry: string | null;
  /** What the program is given. */
  readonly args: readonly string[];
}

export interface ListCommand extends OnWorld {
  readonly name: "runs list";
  readonly status: RunStatus | null;
  /** Name or id of a workflow. */
  readonly workflow: string | null;
  readonly parkedOnly: boolean;
  /** How many runs at most. */
  readonly limit: number;
  readonly json: boolean;
}

export interface ShowCommand extends OnWorld {
  readonly name: "runs show";
  readonly runId: string;
  readonly json: boolean;
  /** Whether payloads are decoded and printed. */
  readonly data: boolean;
}

export interface CancelCommand extends OnWorld {
  readonly name: "runs cancel";
  readonly runId: string;
  readonly reason: string | null;
}

export interface UnparkCommand extends OnWorld {
  readonly name: "runs unpark";
  readonly runId: string;
}

/** What is done with the store itself, by those who operate it. */
export type StoreCommand = MigrateCommand | StatusCommand | PurgeCommand | DoctorCommand;

export interface MigrateCommand extends OnWorld {
  readonly name: "postgres migrate";
  readonly dryRun: boolean;
  readonly json: boolean;
}

interface StatusCommand extends OnWorld {
  readonly name: "postgres status";
  readonly json: boolean;
}

export interface PurgeCommand extends OnWorld {
  readonly name: "postgres purge";
  readonly olderThanMs: number;
  readonly status: EndedStatus | null;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface DoctorCommand extends OnWorld {
  readonly name: "postgres doctor";
  readonly json: boolean;
}

type ActionTopic = Exclude<Command["name"], "help">;

/** The actions of a group. */
type GroupedTopic = Exclude<ActionTopic, "dev">;

/** Commands that have actions. */
type Group = "runs" | "postgres";

/** What help can be asked for. */
export type HelpTopic = "perdure" | Group | ActionTopic;

type OptionTable = Readonly<Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>>;

/** The values of the options that were given. */
type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** Options that every command takes. */
const sharedOptions: OptionTable = {
  help: { type: "boolean", short: "h" },
  verbose: { type: "boolean" },
  world: { type: "string" },
};

const groups: Readonly<Record<Group, Readonly<Record<string, GroupedTopic>>>> = {
  runs: { list: "runs list", show: "runs show", cancel: "runs cancel", unpark: "runs unpark" },
  postgres: {
    migrate: "postgres migrate",
    status: "postgres status",
    purge: "postgres purge",
    doctor: "postgres doctor",
  },
};

const actionOptions: Readonly<Record<ActionTopic, OptionTable>> = {
  "runs list": {
    status: { type: "string" },
    workflow: { type: "string" },
    parked: { type: "boolean" },
    limit: { type: "string" },
    json: { type: "boolean" },
  },
  "runs show": { json: { type: "boolean" }, data: { type: "boolean" } },
  "runs cancel": { reason: { type: "string" } },
  "runs unpark": {},
  "postgres migrate": { "dry-run": { type: "boolean" }, json: { type: "boolean" } },
  "postgres status": { json: { type: "boolean" } },
  "postgres purge": {
    "older-than": { type: "string" },
    status: { type: "string" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
  },
  "postgres doctor": { json: { type: "boolean" } },
  dev: {},
};

const worlds: readonly WorldName[] = ["local", "postgres"];

const statuses: readonly RunStatus[] = ["pending", "running", "completed", "failed", "cancelled"];
const endedStatuses: readonly EndedStatus[] = ["completed", "failed", "cancelled"];
const defaultLimit = 50;
const maxLimit = 10_000;

/** Younger ends may still be told to the workers that they concern. */
const ageMsMin = endedShownMs;

/** The longest cancel reason, in UTF-16 code units. */
const maxReasonLength = 512;

/** Understands a command line; throws `UsageError` when it makes no sense. */
export function parseCommandLine(argv: readonly string[]): Command {
  const [first, second, ...rest] = argv;
  if (first === undefined || first === "help" || isFlag(first)) return parseBare(argv);
  if (first === "dev") return devCommand(argv.slice(1));
  if (!isGroup(first)) {
    const known = ["dev", ...Object.keys(groups), "help"];
    throw new UsageError(`There is no command "${first}".`, { hint: suggestion(first, known) });
  }
  if (second === undefined || isHelpFlag(second)) return { name: "help", topic: first };
  const actions = groups[first];
  const topic = Object.hasOwn(actions, second) ? actions[second] : undefined;
  if (topic === undefined) {
    throw new UsageError(`There is no command "${first} ${second}".`, {
      hint: suggestion(second, Object.keys(actions)),
    });
  }
  return parseAction(topic, rest);
}

const isGroup = (word: string): word is Group => Object.hasOwn(groups, word);

function parseBare(argv: readonly string[]): Command {
  const unknown = argv.find((word) => word !== "help" && !isHelpFlag(word) && word !== "--verbose");
  if (unknown === undefined) return { name: "help", topic: "perdure" };
  throw new UsageError(`There is no option or command "${unknown}" here.`, { hint: "See `perdure --help`." });
}

function parseAction(topic: GroupedTopic, words: readonly string[]): Command {
  const { values, positionals } = readOptions(topic, words);
  if (values["help"] === true) return { name: "help", topic };
  return { ...actionCommand(topic, values, positionals), ...worldOf(values) };
}

function actionCommand(topic: GroupedTopic, values: OptionValues, positionals: readonly string[]): Command {
  switch (topic) {
    case "runs list":
      return listCommand(values, positionals);
    case "runs show":
      return {
        name: topic,
        runId: runIdOf(topic, positionals),
        json: values["json"] === true,
        data: values["data"] === true,
      };
    case "runs cancel":
      return { name: topic, runId: runIdOf(topic, positionals), reason: reasonOf(values["reason"]) };
    case "runs unpark":
      return { name: topic, runId: runIdOf(topic, positionals) };
    case "postgres migrate":
      refuseArguments(topic, positionals);
      return { name: topic, dryRun: values["dry-run"] === true, json: values["json"] === true };
    case "postgres status":
    case "postgres doctor":
      refuseArguments(topic, positionals);
      return { name: topic, json: values["json"] === true };
    case "postgres purge":
      refuseArguments(topic, positionals);
      return {
        name: topic,
        olderThanMs: ageOf(values["older-than"]),
        status: oneOf(endedStatuses, values["status"]),
        dryRun: values["dry-run"] === true,
        json: values["json"] === true,
      };
  }
}

/** Everything after `--` is the program's. */
function devCommand(words: readonly string[]): Command {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const { values, positionals } = readOptions("dev", words.slice(0, end));
  if (values["help"] === true) return { name: "help", topic: "dev" };
  const [entry = null, extra] = positionals;
  if (extra !== undefined) {
    throw new UsageError(`"dev" takes one entry module, and also got "${extra}".`, {
      hint: `What the program is to be given stands after --: \`perdure dev ${entry} -- ${extra}\`.`,
    });
  }
  const world = worldOf(values);
  if (entry === null && world.world !== "postgres") {
    throw new UsageError(`"dev" needs the entry module of a program.`, {
      hint: "Write `perdure dev app.ts`; without one, `perdure dev --world postgres` is a server alone.",
    });
  }
  return { name: "dev", entry, args: words.slice(end + 1), ...world };
}

function worldOf(values: OptionValues): OnWorld {
  const text = textOf(values["world"]);
  if (text === null) return {};
  const world = worlds.find((each) => each === text);
  if (world !== undefined) return { world };
  throw new UsageError(`There is no world "${text}".`, { hint: suggestion(text, worlds) });
}

function listCommand(values: OptionValues, positionals: readonly string[]): ListCommand {
  refuseArguments("runs list", positionals);
  return {
    name: "runs list",
    status: oneOf(statuses, values["status"]),
    workflow: textOf(values["workflow"]),
    parkedOnly: values["parked"] === true,
    limit: limitOf(values["limit"]),
    json: values["json"] === true,
  };
}

function refuseArguments(topic: ActionTopic, positionals: readonly string[]): void {
  if (positionals[0] === undefined) return;
  throw new UsageError(`"${topic}" takes no argument, and got "${positionals[0]}".`, {
    hint: `See \`perdure ${topic} --help\`.`,
  });
}

/** The library's own reading of the words; its refusals are reworded, so that they name a near option. */
function readOptions(topic: ActionTopic, words: readonly string[]) {
  const options = { ...sharedOptions, ...actionOptions[topic] };
  try {
    const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
    return { values: values as OptionValues, positionals };
  } catch (cause) {
    const known = Object.keys(options).map((name) => `--${name}`);
    const unknown = words.find((word) => isFlag(word) && !isKnownFlag(word, options));
    if (unknown !== undefined) {
      const name = unknown.split("=", 1)[0] ?? unknown;
      throw new UsageError(`"${topic}" has no option ${name}.`, { hint: suggestion(name, known), cause });
    }
    const text = cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause);
    throw new UsageError(text, { hint: `See \`perdure ${topic} --help\`.`, cause });
  }
}

function isKnownFlag(word: string, options: OptionTable): boolean {
  const name = word.replace(/^-+/, "").split("=", 1)[0] ?? "";
  if (word.startsWith("--")) return Object.hasOwn(options, name);
  return Object.values(options).some(({ short }) => short === name);
}

const isFlag = (word: string): boolean => word.startsWith("-") && word !== "-";
const isHelpFlag = (word: string): boolean => word === "--help" || word === "-h";
const textOf = (value: string | boolean | undefined): string | null => (typeof value === "string" ? value : null);

function runIdOf(topic: string, positionals: readonly string[]): string {
  const [runId, extra] = positionals;
  const hint = `Give one run id: \`perdure ${topic} wrun_…\`; \`perdure runs list\` shows them.`;
  if (runId === undefined) throw new UsageError(`"${topic}" needs the id of a run.`, { hint });
  if (extra !== undefined) throw new UsageError(`"${topic}" takes one run id, and also got "${extra}".`, { hint });
  if (isId("wrun", runId)) return runId;
  throw new UsageError(`"${runId}" is not a run id: it is wrun_ and 26 characters of 0-9 and A-Z without I, L, O, U.`, {
    hint,
  });
}

function oneOf<T extends string>(known: readonly T[], value: string | boolean | undefined): T | null {
  const text = textOf(value);
  if (text === null) return null;
  const found = known.find((each) => each === text);
  if (found !== undefined) return found;
  throw new UsageError(`There is no status "${text}".`, { hint: suggestion(text, known) });
}

function ageOf(value: string | boolean | undefined): number {
  const text = textOf(value);
  const ms = text === null ? null : parseAge(text);
  if (ms !== null && ms >= ageMsMin) return ms;
  const got = text === null ? "it is missing" : `got "${text}"`;
  throw new UsageError(`--older-than needs an age of 1m or more, and ${got}.`, {
    hint: "Write a whole number of s, m, h, d or w, such as --older-than 30d.",
  });
}

function limitOf(value: string | boolean | undefined): number {
  const text = textOf(value);
  if (text === null) return defaultLimit;
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= maxLimit) return limit;
  throw new UsageError(`--limit needs a whole number from 1 to ${maxLimit}, and got "${text}".`);
}

function reasonOf(value: string | boolean | undefined): string | null {
  const text = textOf(value);
  if (text === null || text.length <= maxReasonLength) return text;
  throw new UsageError(`--reason may have ${maxReasonLength} characters, and has ${text.length}.`);
}

function suggestion(found: string, known: readonly string[]): string {
  const nearest = nearestName(found, known);
  const all = `Known: ${known.join(", ")}.`;
  return nearest === null ? all : `Did you mean "${nearest}"? ${all}`;
}
