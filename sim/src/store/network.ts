/**
 * What lies between a participant and the store. Every call is split into the way there, the moment in the store and the
 * way back, and at each of them a fault can strike. The store itself is never wrong.
 */
import { StoreError } from "@perdure/errors";
import type { AppendRequest, AppendResult, LogEvent, WakeHint, World } from "@perdure/world";
import type { ClaimWatch } from "../checkers/claim-watch.ts";
import type { Fault, Operation, Phase, Probe } from "../faults/catalogue.ts";
import type { Striker } from "../faults/striker.ts";
import type { Chance } from "../kernel/chance.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { Trace } from "../kernel/trace.ts";
import type { Participant } from "../process/participant.ts";
import type { SimStore } from "./sim-store.ts";

/** What a strike does that is not about one call. */
export interface Environment {
  /** `runId`: the run that the struck call is about; null: none, or many. */
  strike(fault: Fault, probe: Probe, who: Participant, runId: string | null): void;
}

export interface NetworkParts {
  readonly scheduler: Scheduler;
  readonly striker: Striker;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly store: SimStore;
  readonly environment: Environment;
  readonly claims: ClaimWatch;
  /** Called when the store has applied a call, before anybody learns of it. */
  readonly onApplied: () => void;
  /** False: no hint ever reaches a worker. */
  readonly hints: boolean;
}

/** The start of a step whose writes were committed. */
export interface Commit {
  readonly runId: string;
  readonly correlationId: string;
  readonly attempt: number;
  readonly delivery: number;
}

interface Call<T> {
  readonly from: Participant;
  readonly operation: Operation;
  readonly apply: () => Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** The read is to be answered with less than there is. */
  readonly isOld: boolean;
}

/** The longest that a delayed call takes. */
const delayMsMax = 20_000;

/** Faults that change how a call goes; all others are the environment's. */
const callFaults: ReadonlySet<Fault> = new Set([
  "refused",
  "lost request",
  "lost answer",
  "duplicate",
  "delay",
  "old prefix",
]);

export class Network {
  /** Until this moment the store cannot be reached. */
  outageUntil = 0;
  /** Until this moment hints are lost. */
  hintsLostUntil = 0;
  /** What transactional steps have committed, in order. */
  readonly commits: Commit[] = [];
  readonly #parts: NetworkParts;
  /** Hints that are under way. */
  readonly #hints = new Set<() => void>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** Everything that was on its way to a listener is lost. */
  dropHints(): void {
    for (const cancel of this.#hints) cancel();
    this.#hints.clear();
  }

  /** The store as this participant sees it. */
  connect(from: Participant): World {
    const { store, claims } = this.#parts;
    const inner = store.connect();
    /** What the caller learns of its claim when the answer reaches it. */
    const learn = async <T>(runId: string, epoch: number, answer: Promise<T>, isFence: (value: T) => boolean) => {
      const value = await answer;
      if (isFence(value)) claims.fenced(from.name, runId, epoch);
      return value;
    };
    const call = <T>(operation: Operation, apply: () => Promise<T>, runId: string | null = null): Promise<T> =>
      this.#call(from, operation, apply, runId);
    return {
      ...inner,
      runs: {
        ...inner.runs,
        create: async (request) => {
          const { eager } = request;
          const operation = eager === null ? "create.client" : "create.eager";
          const result = await call(operation, () => inner.runs.create(request));
          if (eager !== null && result.kind === "created") claims.created(from.name, eager.worker, result.run);
          return result;
        },
        list: (filter) => call("list", () => inner.runs.list(filter)),
      },
      log: {
        read: (runId, range) => call("read", () => inner.log.read(runId, range), runId),
        append: (runId, request) => {
          const apply = () => claims.append(runId, request, () => inner.log.append(runId, request));
          const answer = call(operationOf(request), apply, runId);
          return request.by === "driver"
            ? learn(runId, request.epoch, answer, ({ kind }) => kind === "fenced")
            : answer;
        },
      },
      claims: {
        heartbeat: (worker) => call("heartbeat", () => inner.claims.heartbeat(worker)),
        claim: async (request) => {
          const result = await call("claim", () => inner.claims.claim(request));
          claims.claimed(from.name, result);
          return result;
        },
        poll: (workerId, which) =>
          call(which === "held" ? "poll.held" : "poll", () => inner.claims.poll(workerId, which)),
        release: async (runId, release) => {
          const { epoch } = release;
          const apply = () => claims.release(runId, release, () => inner.claims.release(runId, release));
          const answer = await learn(runId, epoch, call("release", apply, runId), (given) => given === "fenced");
          if (answer === "moved") claims.toldOfMove(from.name, runId, epoch);
          return answer;
        },
        retire: (workerId) => call("retire", () => inner.claims.retire(workerId)),
        heartbeatThread: () => null,
      },
      steps: this.#steps(from, inner),
      hooks: { find: (hash) => call("find", () => inner.hooks.find(hash)) },
      bundles: {
        put: (id, bytes) => call("bundle.put", () => inner.bundles.put(id, bytes)),
        get: (id) => call("bundle.get", () => inner.bundles.get(id)),
      },
      park: (runId, epoch, parked) =>
        call("park", () => claims.park(runId, epoch, parked, () => inner.park(runId, epoch, parked))),
      unpark: (runId) => call("unpark", () => inner.unpark(runId)),
      transactions: this.#transactions(from, inner),
      wake: { listen: (callback) => this.#listen(from, inner, callback) },
    };
  }

  #steps(from: Participant, { steps }: World): World["steps"] {
    return {
      claim: (request) => this.#call(from, "jobs.claim", () => steps.claim(request), null),
      held: (workerId) => this.#call(from, "jobs.held", () => steps.held(workerId), null),
      release: (workerId, runId, delivery) =>
        this.#call(from, "jobs.release", () => steps.release(workerId, runId, delivery), runId),
    };
  }

  /** What a body has written is committed together with its result, at the moment when the store takes that. */
  #transactions(from: Participant, inner: World): NonNullable<World["transactions"]> {
    const { claims } = this.#parts;
    return {
      create: () => Promise.reject(unavailable("none")),
      append: async (runId, body) => {
        const request = await body({ query: async () => ({ rows: [], rowCount: 0 }) });
        const { attempt, delivery, fact } = request;
        const apply = async (): Promise<AppendResult> => {
          const before = this.#parts.store.run(runId)?.run.tail ?? 0;
          const answer = await claims.append(runId, request, () => inner.log.append(runId, request));
          if (answer.kind === "appended" && answer.tail > before) {
            this.commits.push({ runId, correlationId: fact.correlationId ?? "", attempt, delivery });
          }
          return answer;
        };
        return await this.#call(from, operationOf(request), apply, runId);
      },
    };
  }

  /** Tells the environment of what strikes at a probe, and gives back what concerns the call itself. */
  pass(probe: Probe, who: Participant, runId: string | null = null): ReadonlySet<Fault> {
    const { striker, environment, trace, scheduler } = this.#parts;
    const strikes = striker.pass(probe);
    if (strikes.length === 0) return nothing;
    const own = new Set<Fault>();
    for (const fault of strikes) {
      if (!who.isAlive) break;
      striker.struck(probe, fault);
      trace.add(scheduler.now, who.name, `! ${fault} at ${probe}`);
      if (callFaults.has(fault)) own.add(fault);
      else environment.strike(fault, probe, who, runId);
    }
    return own;
  }

  /** Milliseconds that one way takes. */
  latencyMs(delayed: boolean): number {
    const { chance } = this.#parts;
    return chance.int(3) + (delayed ? chance.heavyTail(delayMsMax) : 0);
  }

  #call<T>(from: Participant, operation: Operation, apply: () => Promise<T>, runId: string | null): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // A process that is gone waits for ever.
    if (!from.isAlive) return promise;
    const { scheduler, chance, claims } = this.#parts;
    claims.sends(from.name, operation, runId);
    const strikes = this.pass(`${operation}:sent`, from, runId);
    const call: Call<T> = { from, operation, apply, resolve, reject, isOld: strikes.has("old prefix") };
    const ms = this.latencyMs(strikes.has("delay"));
    if (scheduler.now < this.outageUntil || strikes.has("refused")) {
      this.#answer(call, ms, () => reject(unavailable("none")));
    } else if (strikes.has("lost request")) {
      this.#answer(call, ms, () => reject(unavailable("unknown")));
    } else if (from.isAlive || chance.flag(0.5)) {
      // What a process sent before it died may still arrive.
      scheduler.after(ms, null, () => this.#arrive(call));
    }
    return promise;
  }

  #arrive<T>(call: Call<T>): void {
    const answered = this.#apply(call);
    answered.then(
      (value) => this.#applied(call, () => call.resolve(call.isOld ? this.#older(value) : value)),
      (error: unknown) => this.#applied(call, () => call.reject(error)),
    );
  }

  /** The store as somebody sees it who stands beside it: what he writes is there at once, before what is under way. */
  connectBeside(from: Participant): World {
    const inner = this.#parts.store.connect();
    return {
      ...inner,
      log: {
        ...inner.log,
        append: (runId, request) => {
          const apply = (): Promise<AppendResult> => inner.log.append(runId, request);
          return this.#apply({ from, operation: operationOf(request), apply });
        },
      },
    };
  }

  #apply<T>({ from, operation, apply }: Pick<Call<T>, "from" | "operation" | "apply">): Promise<T> {
    const { trace, scheduler, onApplied } = this.#parts;
    const answer = apply();
    trace.add(scheduler.now, "store", `${operation} of ${from.name}`);
    onApplied();
    return answer;
  }

  #applied<T>(call: Call<T>, settle: () => void): void {
    const { scheduler, chance } = this.#parts;
    const strikes = this.pass(`${call.operation}:applied`, call.from);
    if (strikes.has("duplicate")) {
      const ms = chance.heavyTail(delayMsMax);
      scheduler.after(ms, null, () => void this.#apply(call).catch(() => {}));
    }
    const lost = strikes.has("lost answer");
    this.#answer(call, this.latencyMs(strikes.has("delay")), lost ? () => call.reject(unavailable("unknown")) : settle);
  }

  #answer<T>({ from, operation }: Call<T>, ms: number, settle: () => void): void {
    const { scheduler } = this.#parts;
    const phase: Phase = "answered";
    scheduler.after(ms, from, () => {
      this.pass(`${operation}:${phase}`, from);
      if (!from.isAlive) return;
      if (from.pausedUntil > scheduler.now) scheduler.after(0, from, settle);
      else settle();
    });
  }

  /** A read that is answered by a copy which lags behind, or cut short. */
  #older<T>(value: T): T {
    const events = value as readonly LogEvent[];
    return events.slice(0, this.#parts.chance.int(events.length + 1)) as T;
  }

  #listen(from: Participant, inner: World, callback: (hint: WakeHint) => void): () => void {
    const { scheduler, hints } = this.#parts;
    const stop = inner.wake?.listen((hint) => {
      if (hints && scheduler.now >= this.hintsLostUntil)
        this.#sendHint(from, this.latencyMs(false), () => callback(hint), true);
    });
    return () => stop?.();
  }

  #sendHint(to: Participant, ms: number, tell: () => void, mayFail: boolean): void {
    const { scheduler, chance } = this.#parts;
    const cancel = scheduler.after(ms, to, () => {
      this.#hints.delete(cancel);
      const strikes = mayFail ? this.pass("hint", to) : nothing;
      if (!to.isAlive) return;
      if (strikes.has("duplicate")) this.#sendHint(to, chance.heavyTail(delayMsMax), tell, false);
      if (strikes.has("delay")) this.#sendHint(to, chance.heavyTail(delayMsMax), tell, false);
      else tell();
    });
    this.#hints.add(cancel);
  }
}

const nothing: ReadonlySet<Fault> = new Set();

/** A result by an executor is one fact under a key of its sender's, as a payload is. */
function operationOf(request: AppendRequest): Operation {
  if (request.by === "executor") return "append.result";
  if (request.by === "outside") return request.fact.type === "run_cancelled" ? "append.cancel" : "append.payload";
  if (request.ifTail !== null) return "append.speculative";
  if (request.release !== null) return "append.release";
  return request.facts.length > 0 ? "append.facts" : "append.decisions";
}

function unavailable(outcome: "none" | "unknown"): StoreError {
  return new StoreError("STORE_UNAVAILABLE", "The simulated store did not answer.", { outcome });
}
