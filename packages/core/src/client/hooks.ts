import { HookNotFoundError, InvalidArgumentError, StoreError } from "@perdure/errors";
import { dehydrate, hydrate } from "@perdure/serde";
import type { AppendResult, OpenHook, World } from "@perdure/world";
import { systemEnv } from "../env.ts";
import { tokenHash } from "../replay/correlation-id.ts";
import { durationMs } from "../step/duration.ts";
import { retryPauseMs } from "../worker/retry-pause.ts";
import { anything, checkOptions, describeValue, someText } from "./call-options.ts";
import { outsideKey } from "./outside-key.ts";
import { worldOf } from "./runtime.ts";

/** A hook that is open, seen from outside. */
export interface HookEntity {
  readonly runId: string;
  readonly hookId: string;
  readonly token: string;
  /** What `createHook({ metadata })` was given; read from the store when it is first asked for. */
  readonly metadata: Promise<unknown>;
}

/** Options of {@link resumeHook}. */
export interface ResumeHookOptions {
  /** The world that holds the hook; default: the configured one. */
  readonly world?: World;
  /** Wait this long (milliseconds, or `"30s"`) for the hook to be created. Default: not at all. */
  readonly wait?: number | string;
  /** The same key twice for one run delivers the payload once. Default: every call is a delivery of its own. */
  readonly idempotencyKey?: string;
}

/** A lost acknowledgement is asked for again at most this often. */
const resendsMax = 8;

/** How often a hook that is waited for is looked up, in milliseconds. */
const lookupMs = 50;

/**
 * Send a payload to the hook that holds a token. Resolves once the payload is durable in the run's log: from then on it
 * reaches the workflow exactly once, or is listed as unconsumed. Throws `HookNotFoundError` when no hook is open for the
 * token, `InvalidArgumentError` or `SerializationError` before anything was written, or a `StoreError`.
 */
export async function resumeHook<Payload = unknown>(
  hook: string | { readonly token: string },
  payload: Payload,
  options: ResumeHookOptions = {},
): Promise<HookEntity> {
  const token = tokenOf(hook);
  checkOptions("resumeHook()", options, { world: anything, wait: anything, idempotencyKey: someText });
  const bytes = dehydrate(payload, "the payload of a hook");
  const deadline = systemEnv.now() + durationMs(options.wait ?? 0);
  const world = await worldOf(options.world);
  const key = options.idempotencyKey ?? outsideKey(systemEnv);
  for (;;) {
    const open = await findHook(world, token, deadline);
    const result = await sendPayload(world, open, key, bytes);
    if (result.kind === "appended") return hookEntity(world, open, token);
    if (systemEnv.now() >= deadline) throw new HookNotFoundError(token);
  }
}

/** The open hook that holds a token. Throws `HookNotFoundError` when there is none. */
export async function getHookByToken(token: string, options: { readonly world?: World } = {}): Promise<HookEntity> {
  const world = await worldOf(options.world);
  return hookEntity(world, await findHook(world, token, 0), token);
}

function tokenOf(hook: string | { readonly token: string }): string {
  const token = typeof hook === "object" && hook !== null ? hook.token : hook;
  if (someText(token) === null) return token;
  throw new InvalidArgumentError(
    "resumeHook(): the hook",
    "its token as a text, or an object with one",
    describeValue(hook),
  );
}

async function findHook(world: World, token: string, deadline: number): Promise<OpenHook> {
  for (;;) {
    const open = await world.hooks.find(tokenHash(token));
    if (open !== null) return open;
    if (systemEnv.now() >= deadline) throw new HookNotFoundError(token);
    await pause(lookupMs);
  }
}

async function sendPayload(world: World, open: OpenHook, key: string, payload: Uint8Array): Promise<AppendResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await world.log.append(open.runId, {
        by: "outside",
        key,
        fact: { type: "hook_received", correlationId: open.correlationId, at: null, data: { ordinal: 0 }, payload },
      });
    } catch (error) {
      if (!StoreError.is(error) || error.outcome !== "unknown" || attempt === resendsMax) throw error;
      await pause(retryPauseMs(attempt, systemEnv.random()));
    }
  }
}

function hookEntity(world: World, open: OpenHook, token: string): HookEntity {
  let metadata: Promise<unknown> | undefined;
  return {
    runId: open.runId,
    hookId: open.correlationId,
    token,
    get metadata() {
      metadata ??= readMetadata(world, open);
      return metadata;
    },
  };
}

async function readMetadata(world: World, open: OpenHook): Promise<unknown> {
  const [created] = await world.log.read(open.runId, { after: open.position - 1, limit: 1 });
  return created?.type !== "hook_created" || created.payload === null ? undefined : hydrate(created.payload);
}

function pause(ms: number): Promise<void> {
  const release = systemEnv.hold();
  return new Promise((resolve) => {
    systemEnv.setTimer(ms, () => {
      release();
      resolve();
    });
  });
}
