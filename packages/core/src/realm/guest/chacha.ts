/**
 * The ChaCha20 stream (RFC 8439, section 2.3) as the source of every random draw of an execution: seeded once per run, the
 * same on every replay, and unpredictable to whoever sees some of its output, because hook tokens are drawn from it too.
 */

/** An endless stream of random bits. */
export interface ChaChaStream {
  nextUint32(): number;
}

// "expand 32-byte k" in little-endian words (RFC 8439, section 2.3).
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const doubleRounds = 10;

/** The stream of a 32-byte key, given as hex, and a nonce that separates the purposes. */
export function openStream(keyHex: string, nonce: number): ChaChaStream {
  const state = new Uint32Array(16);
  state.set(constants, 0);
  for (let word = 0; word < 8; word++) state[4 + word] = littleEndianWord(keyHex, word * 8);
  state[13] = nonce;
  const block = new Uint32Array(16);
  let used = block.length;
  return {
    nextUint32() {
      if (used === block.length) {
        fillBlock(state, block);
        used = 0;
      }
      return at(block, used++);
    },
  };
}

function littleEndianWord(hex: string, start: number): number {
  let word = 0;
  for (let byte = 3; byte >= 0; byte--) {
    word = (word << 8) | Number.parseInt(hex.slice(start + byte * 2, start + byte * 2 + 2), 16);
  }
  return word >>> 0;
}

// An index inside of a 16-word array always holds a number.
const at = (words: Uint32Array, index: number): number => words[index] ?? 0;

function fillBlock(state: Uint32Array, block: Uint32Array): void {
  block.set(state);
  for (let round = 0; round < doubleRounds; round++) {
    quarterRound(block, 0, 4, 8, 12);
    quarterRound(block, 1, 5, 9, 13);
    quarterRound(block, 2, 6, 10, 14);
    quarterRound(block, 3, 7, 11, 15);
    quarterRound(block, 0, 5, 10, 15);
    quarterRound(block, 1, 6, 11, 12);
    quarterRound(block, 2, 7, 8, 13);
    quarterRound(block, 3, 4, 9, 14);
  }
  for (let word = 0; word < 16; word++) block[word] = at(block, word) + at(state, word);
  // A 32-bit block counter is 256 GiB of output; no execution draws that much.
  state[12] = at(state, 12) + 1;
}

function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  addXorRotate(words, a, b, d, 16);
  addXorRotate(words, c, d, b, 12);
  addXorRotate(words, a, b, d, 8);
  addXorRotate(words, c, d, b, 7);
}

function addXorRotate(words: Uint32Array, sum: number, addend: number, target: number, bits: number): void {
  words[sum] = at(words, sum) + at(words, addend);
  const mixed = at(words, target) ^ at(words, sum);
  words[target] = (mixed << bits) | (mixed >>> (32 - bits));
}
