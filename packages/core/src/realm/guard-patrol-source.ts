import { patrolOrder, turnState, unarmed, word } from "./guard-words.ts";

/**
 * Source of the guard's patrol thread, as a string: bundlers move and rename files of their own, strings they leave.
 *
 * The patrol does two things. It keeps Node's SIGINT helper alive by sitting inside `breakOnSigint` evaluations, so that
 * an evaluation on the main thread only has to enter its name on the helper's list. And it looks every few milliseconds
 * whether a guarded call has lasted too long; elapsed time is the number of waits that timed out, so that neither a
 * clock that jumps nor a suspended machine can stop a call early.
 *
 * The helper gives a signal to the evaluation that was entered last, and only to it. Three nested evaluations follow:
 * `hold` keeps the process's signal handler in place whatever happens inside, `patrol` is where our own signals are
 * sent and, when late, absorbed; `watch` is where it waits and where other people's signals arrive. `watch` is left
 * before a signal is sent: entered anew after a signal, it might stand behind a call of the main thread on the list.
 */
export const patrolSource = `"use strict";
const vm = require("node:vm");
const { parentPort, workerData } = require("node:worker_threads");

const words = new Int32Array(workerData);
const leave = "leave";
const die = "die";
const pollMsMin = 1;
const pollMsMax = 25;
const quietPollsMax = 20;

const realm = vm.createContext(vm.constants.DONT_CONTEXTIFY);
Object.assign(realm, { hold, patrol, watch });
const holdCall = new vm.Script("hold()");
const patrolCall = new vm.Script("patrol()");
const watchCall = new vm.Script("watch()");
const breakable = { breakOnSigint: true, displayErrors: false };

/** Runs one level. A signal ends it with null; anything else that goes wrong ends the thread. */
function enter(call) {
  try {
    return call.runInContext(realm, breakable);
  } catch (error) {
    if (error !== null && typeof error === "object" && error.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED") return null;
    throw error;
  }
}

function isClaimed() {
  return (Atomics.load(words, ${word.turn}) & 3) === ${turnState.claimed};
}

/** A signal that is not ours: the program's listeners get it, or the process ends by it as it would without us. */
function passOn() {
  if (Atomics.load(words, ${word.listened}) === 0) return die;
  caught += 1;
  return null;
}

/**
 * Tells of caught signals only when all levels are entered again: who answers one signal with the next would otherwise
 * end level after level, and with the last of them the process.
 */
function tell() {
  while (caught > 0) {
    caught -= 1;
    parentPort.postMessage("SIGINT");
  }
}

/** Innermost: waits. Returns an order, or the turn word of a call that has lasted longer than its limit. */
function watch() {
  // Told from in here: a call that begins now stands behind all three levels on the helper's list, so that it is the
  // one that gets the signals, ours and other people's.
  Atomics.store(words, ${word.armed}, armedFor);
  Atomics.notify(words, ${word.armed});
  tell();
  let seen = Atomics.load(words, ${word.turn});
  let elapsedMs = 0;
  let quietPolls = 0;
  for (;;) {
    const wake = Atomics.load(words, ${word.wake});
    if (Atomics.load(words, ${word.order}) !== ${patrolOrder.none}) return leave;
    const turn = Atomics.load(words, ${word.turn});
    const limitMs = Atomics.load(words, ${word.limitMs});
    const running = (turn & 3) === ${turnState.running};
    if (turn !== seen) {
      seen = turn;
      elapsedMs = 0;
      quietPolls = 0;
    } else if (!running && ++quietPolls > quietPollsMax) {
      Atomics.store(words, ${word.asleep}, 1);
      if (Atomics.load(words, ${word.turn}) === seen) Atomics.wait(words, ${word.wake}, wake);
      Atomics.store(words, ${word.asleep}, 0);
      quietPolls = 0;
      continue;
    }
    if (running && elapsedMs >= limitMs) return turn;
    const left = running ? limitMs - elapsedMs : pollMsMax;
    const pollMs = Math.min(pollMsMax, Math.max(pollMsMin, left));
    if (Atomics.wait(words, ${word.wake}, wake, pollMs) === "timed-out") elapsedMs += pollMs;
  }
}

/** Middle: claims calls that last too long and signals them. */
function patrol() {
  // Told from in here, because the next call must find \`patrol\` on the helper's list, or it would stand before it.
  if (isClaimed()) absorb();
  for (;;) {
    const found = enter(watchCall);
    if (found === leave) return leave;
    if (found === null) {
      if (passOn() === die) return die;
      continue;
    }
    const claimed = (found & ~3) | ${turnState.claimed};
    if (Atomics.compareExchange(words, ${word.turn}, found, claimed) !== found) continue;
    process.kill(process.pid, "SIGINT");
    while (Atomics.load(words, ${word.turn}) === claimed) Atomics.wait(words, ${word.turn}, claimed);
  }
}

/** Outermost: a signal that ended \`patrol\` came too late for its call, or in the moment when \`watch\` was not entered. */
function hold() {
  for (;;) {
    const found = enter(patrolCall);
    if (found !== null) return found;
    if (!isClaimed() && passOn() === die) return die;
  }
}

function absorb() {
  Atomics.store(words, ${word.absorbed}, Atomics.load(words, ${word.turn}));
  Atomics.notify(words, ${word.absorbed});
}

let armedFor = 0;
/** Signals that the program's listeners have not been told of. */
let caught = 0;
for (;;) {
  // First of all: while the order stands, or this, no call begins that would stand before our levels on the list.
  Atomics.store(words, ${word.armed}, ${unarmed});
  Atomics.compareExchange(words, ${word.order}, ${patrolOrder.rearm}, ${patrolOrder.none});
  armedFor = Atomics.load(words, ${word.epoch});
  Atomics.store(words, ${word.away}, 0);
  const found = enter(holdCall);
  Atomics.store(words, ${word.away}, 1);
  Atomics.notify(words, ${word.away});
  if (found === die || (found === null && passOn() === die)) {
    // Nobody of ours holds the signal now, so that it ends the process; unless a listener has been added meanwhile.
    while (Atomics.load(words, ${word.listened}) === 0) {
      process.kill(process.pid, "SIGINT");
      Atomics.wait(words, ${word.away}, 1, 50);
    }
  }
  if (found === leave && Atomics.load(words, ${word.order}) === ${patrolOrder.leave}) break;
}
`;
