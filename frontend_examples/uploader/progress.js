/** @import {Progress, UploadInstructions, UploadRequest} from "./types.js" */

const SPEED_WINDOW_MS = 4000;
const LEAST_MS_BETWEEN_EVENTS = 100;

/** Bytes that the storage already holds, as far as a window tells: all below its end that it does not ask for. @param {Pick<UploadInstructions, "requests" | "hasMore">} instructions @param {number} size */
export function heldBytes({ requests, hasMore }, size) {
  const end = hasMore ? Math.max(0, ...requests.map(({ offset, length }) => offset + length)) : size;
  return requests.reduce((held, { length }) => held - length, end);
}

/** Parts that the storage already holds. @param {UploadInstructions} instructions */
export function heldParts({ requests, hasMore, totalParts }) {
  return (hasMore ? (requests.at(-1)?.partNumber ?? 0) : totalParts) - requests.length;
}

/** Adds up bytes over parts that run at once, and tells speed and time left. Times are in milliseconds, passed in. */
export class Meter {
  #size;
  #done = 0;
  #parts = 0;
  #totalParts = 0;
  /** @type {Map<number, number>} */
  #running = new Map();
  /** @type {[time: number, bytes: number][]} */
  #samples = [];
  #reported = -Infinity;

  /** @param {number} size  of the file, in bytes */
  constructor(size) {
    this.#size = size;
  }

  /** @param {UploadInstructions} instructions */
  begin(instructions) {
    const done = heldBytes(instructions, this.#size);
    // What was held before was not sent just now.
    if (done !== this.#done) this.#samples = [];
    this.#done = done;
    this.#parts = heldParts(instructions);
    this.#totalParts = instructions.totalParts;
    this.#running.clear();
  }

  /** @param {UploadRequest} request @param {number} sentBytes  0: given up */
  sent({ partNumber }, sentBytes) {
    this.#running.set(partNumber, sentBytes);
  }

  /** @param {UploadRequest} request */
  finished({ partNumber, length }) {
    this.#running.delete(partNumber);
    this.#done += length;
    this.#parts += 1;
  }

  /** True at most ten times a second. @param {number} now */
  isDue(now) {
    if (now - this.#reported < LEAST_MS_BETWEEN_EVENTS) return false;
    this.#reported = now;
    return true;
  }

  /** @param {number} now @returns {Progress} */
  read(now) {
    const running = [...this.#running.values()].reduce((sum, sent) => sum + sent, 0);
    const loadedBytes = Math.min(this.#size, this.#done + running);
    const bytesPerSecond = this.#speed(now, loadedBytes);
    return {
      loadedBytes,
      totalBytes: this.#size,
      bytesPerSecond,
      secondsLeft: bytesPerSecond > 0 ? Math.ceil((this.#size - loadedBytes) / bytesPerSecond) : null,
      partsDone: this.#parts,
      partsTotal: this.#totalParts,
    };
  }

  /** @param {number} now @param {number} bytes */
  #speed(now, bytes) {
    const last = this.#samples.at(-1);
    if (last && last[1] > bytes) this.#samples = [];
    this.#samples = this.#samples.filter(([time]) => now - time <= SPEED_WINDOW_MS);
    this.#samples.push([now, bytes]);
    const [time, first] = this.#samples[0];
    return now > time ? Math.round(((bytes - first) * 1000) / (now - time)) : 0;
  }
}
