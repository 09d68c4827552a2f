const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 16 bytes as 26 characters of Crockford's base 32, the text form of a ULID (https://www.crockford.com/base32.html). */
export function crockford(bytes: Uint8Array): string {
  let text = "";
  // 128 bits are 26 characters of 5 bits with two zero bits in front.
  let buffer = 0;
  let bits = 2;
  for (const byte of bytes.subarray(0, 16)) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return text;
}
