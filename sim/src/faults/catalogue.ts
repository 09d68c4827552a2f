/**
 * Every point at which a fault can strike (a probe) and every fault, and which fault makes sense where. Data only.
 *
 * A probe is a call to the store in one of its three phases, or a moment of a process: `append.speculative:applied` is the
 * moment after the store has written a speculative append and before its answer leaves.
 */

/** Calls to the store, told apart where the engine takes different paths. */
export const operations = [
  "create.eager",
  "create.client",
  "append.speculative",
  "append.facts",
  "append.decisions",
  "append.release",
  "append.payload",
  "append.cancel",
  "append.result",
  "read",
  "claim",
  "poll",
  "poll.held",
  "release",
  "heartbeat",
  "retire",
  "jobs.claim",
  "jobs.held",
  "jobs.release",
  "park",
  "unpark",
  "list",
  "find",
  "bundle.get",
  "bundle.put",
] as const;

export type Operation = (typeof operations)[number];

/** `sent`: by the caller, before the store sees it. `applied`: in the store, before the answer leaves. `answered`: at the caller. */
const phases = ["sent", "applied", "answered"] as const;

export type Phase = (typeof phases)[number];

/** Moments of a process that are no call to the store. */
const moments = ["step:begin", "step:end", "timer", "hint"] as const;

type Moment = (typeof moments)[number];

export type Probe = `${Operation}:${Phase}` | Moment;

export const probes: readonly Probe[] = [
  ...operations.flatMap((operation) => phases.map((phase) => `${operation}:${phase}` as const)),
  ...moments,
];

/** What can happen at a probe. */
export const faults = [
  /** The store answers with an error and has not applied the call. */
  "refused",
  /** The call never reaches the store, and the caller is told that it cannot know. */
  "lost request",
  /** The store has applied the call, and the caller is told that it cannot know. */
  "lost answer",
  /** The store applies the same call again, later. */
  "duplicate",
  /** The call or its answer takes long, with a heavy tail. */
  "delay",
  /** A read answers with an older prefix of the log, or with a part of what was asked for. */
  "old prefix",
  /** The process is gone; a new one starts later. */
  "crash",
  /** The process stands still, perhaps for longer than its lease, and then goes on. */
  "pause",
  /** The process is told to stop, and is followed by another. */
  "stop",
  /** The process is replaced by one with another build of the application. */
  "deploy",
  /** The wall clock of the process jumps by up to a day. */
  "clock jump",
  /** The clock of the store jumps by up to a minute. */
  "store clock jump",
  /** Every wake-up hint that is under way is lost, and those of the next moments. */
  "hints lost",
  /** The store cannot be reached for a while. */
  "outage",
  /** Somebody cancels a run. */
  "cancel",
  /** Payloads for open hooks, many at once. */
  "payload storm",
  /** The process is short of memory: it lets idle executions go. */
  "memory pressure",
] as const;

export type Fault = (typeof faults)[number];

/** The faults that strike a call on its way, and where. */
const callFaults: Readonly<Partial<Record<Fault, readonly Phase[]>>> = {
  refused: ["sent"],
  "lost request": ["sent"],
  "lost answer": ["applied"],
  duplicate: ["applied"],
  delay: ["sent", "applied"],
  "old prefix": ["sent"],
};

/** The calls that only clients make: no worker process is there to be struck. */
const clientOperations: ReadonlySet<string> = new Set<Operation>([
  "create.client",
  "append.payload",
  "append.cancel",
  "find",
]);

const processFaults: ReadonlySet<Fault> = new Set(["stop", "deploy", "clock jump", "memory pressure"]);

/** Why a fault cannot strike at a probe; null: it can. The reasons are printed with the figures. */
export function impossible(probe: Probe, fault: Fault): string | null {
  const [operation = "", phase] = probe.split(":");
  const isMoment = (moments as readonly string[]).includes(probe);
  const strikesAt = callFaults[fault];
  const isHintFault = probe === "hint" && (fault === "delay" || fault === "duplicate");
  if (strikesAt !== undefined && !isHintFault) {
    if (isMoment) return "there is no call to the store";
    if (!strikesAt.includes(phase as Phase)) return `it happens when a call is ${strikesAt.join(" or ")}`;
    if (fault === "old prefix" && operation !== "read") return "only a read of a log has a prefix";
  }
  if (processFaults.has(fault) && clientOperations.has(operation)) return "the caller is a client, which is no worker";
  if (operation === "retire") {
    if (fault === "stop" || fault === "deploy") return "the process is stopping already";
  }
  return null;
}

/** Every pair that has to be seen. */
export const possiblePairs: readonly (readonly [Probe, Fault])[] = probes.flatMap((probe) =>
  faults.filter((fault) => impossible(probe, fault) === null).map((fault) => [probe, fault] as const),
);
