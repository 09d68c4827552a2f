/**
 * The shared memory between the main thread and the guard's patrol thread: one `Int32Array`, one word per line.
 *
 * W1. `turn` holds a generation and a state, `generation * 4 + state`. Main alone starts and ends a turn, the patrol
 *     alone claims one, and both do it by exchange, so that exactly one SIGINT of ours belongs to one claimed turn.
 * W2. Whoever receives a SIGINT while a turn is claimed takes it for ours; every other SIGINT is somebody else's. Which
 *     of two signals that arrive together is which does not matter: as many are passed on as came from outside.
 * W3. While `armed` equals `epoch` and no order stands, the kernel delivers SIGINT to Node's helper thread, and the
 *     evaluations of the patrol are on its list. A change of who receives the signal raises `epoch` and gives an order.
 */

/** Index of each word. */
export const word = {
  /** The running, claimed or last guarded call (W1). */
  turn: 0,
  /** Milliseconds that the running call may take. */
  limitMs: 1,
  /** Counts what the patrol must look at; it waits on this word. */
  wake: 2,
  /** 1 while the patrol waits without a time limit, because nothing has called for a while. */
  asleep: 3,
  /** What main asks the patrol to do: one of {@link patrolOrder}. */
  order: 4,
  /** 1 while the program has SIGINT listeners of its own. */
  listened: 5,
  /** Raised with every change of who receives SIGINT (W3). */
  epoch: 6,
  /** The epoch for which the patrol holds the signal, or {@link unarmed} (W3). */
  armed: 7,
  /** 1 while the patrol holds no evaluation, hence does not receive SIGINT. */
  away: 8,
  /** The claimed turn whose late signal the patrol has absorbed. */
  absorbed: 9,
} as const;

/** Value of `armed` while the patrol does not hold the signal. */
export const unarmed = -1;

/** How many words the memory has. */
export const wordCount = Object.keys(word).length;

/** State of a turn, the two low bits of its word. */
export const turnState = { idle: 0, running: 1, claimed: 2 } as const;

/** What main asks the patrol to do. */
export const patrolOrder = {
  none: 0,
  /** Take the signal again: somebody else has had it in between. */
  rearm: 1,
  /** Let go of the signal and end. */
  leave: 2,
} as const;

/** The generation after a turn word, as the word of a running turn; generations wrap around after 2^29. */
export function nextRunningTurn(turn: number): number {
  return ((((turn >> 2) + 1) & 0x1fff_ffff) << 2) | turnState.running;
}

/** A turn word with another state. */
export function withState(turn: number, state: number): number {
  return (turn & ~3) | state;
}

/** The state of a turn word. */
export function stateOf(turn: number): number {
  return turn & 3;
}
