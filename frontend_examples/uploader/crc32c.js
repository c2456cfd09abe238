/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;
const TABLE = buildTable();

function buildTable() {
  const table = new Uint32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    table[byte] = value;
  }
  for (let index = 256; index < table.length; index++) {
    const before = table[index - 256];
    table[index] = (before >>> 8) ^ table[before & 255];
  }
  return table;
}

/** CRC32C over a stream of bytes, eight at a time. */
export class Crc32c {
  #state = 0xffffffff;

  /** @param {Uint8Array} bytes */
  update(bytes) {
    const whole = bytes.length - (bytes.length % SLICES);
    let state = this.#state;
    for (let at = 0; at < whole; at += SLICES) {
      state ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      state =
        TABLE[1792 + (state & 255)] ^
        TABLE[1536 + ((state >>> 8) & 255)] ^
        TABLE[1280 + ((state >>> 16) & 255)] ^
        TABLE[1024 + (state >>> 24)] ^
        TABLE[768 + bytes[at + 4]] ^
        TABLE[512 + bytes[at + 5]] ^
        TABLE[256 + bytes[at + 6]] ^
        TABLE[bytes[at + 7]];
    }
    for (let at = whole; at < bytes.length; at++) state = (state >>> 8) ^ TABLE[(state ^ bytes[at]) & 255];
    this.#state = state;
  }

  /** Eight hexadecimal digits, the highest byte first. */
  digest() {
    return (~this.#state >>> 0).toString(16).padStart(8, "0");
  }
}
