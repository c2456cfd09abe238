/** @import {OverallProgress, Progress, UploadInstructions, UploadRequest, UploadState} from "./types.js" */

const SPEED_WINDOW_MS = 4000;
const WAITING_AFTER_MS = 10_000;
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
  #held = 0;
  #parts = 0;
  #totalParts = 0;
  /** @type {Map<number, number>} */
  #running = new Map();
  /** @type {[time: number, bytes: number][]} */
  #samples = [];
  #moved = 0;
  #reported = -Infinity;
  #reached = 0;
  hashedBytes = 0;
  /** As of the last update: reading it changes nothing. @type {Readonly<Progress>} */
  progress;

  /** @param {number} size  of the file, in bytes */
  constructor(size) {
    this.#size = size;
    this.progress = this.#read(0);
  }

  /** @param {UploadInstructions} instructions @param {number} now @returns {number} bytes that the storage holds */
  begin(instructions, now) {
    const held = heldBytes(instructions, this.#size);
    // What was held before was not sent just now.
    if (held !== this.#held) this.#samples = [];
    this.#held = held;
    this.#parts = heldParts(instructions);
    this.#totalParts = instructions.totalParts;
    this.#running.clear();
    this.#moved = now;
    return held;
  }

  /** @param {UploadRequest} request @param {number} sentBytes  0: given up */
  sent({ partNumber }, sentBytes) {
    this.#running.set(partNumber, sentBytes);
  }

  /** @param {UploadRequest} request */
  finished({ partNumber, length }) {
    this.#running.delete(partNumber);
    this.#held += length;
    this.#parts += 1;
  }

  /** True at most ten times a second. @param {number} now */
  isDue(now) {
    if (now - this.#reported < LEAST_MS_BETWEEN_EVENTS) return false;
    this.#reported = now;
    return true;
  }

  /** @param {number} now */
  update(now) {
    this.progress = this.#read(now);
  }

  /** @param {number} now @returns {Progress} */
  #read(now) {
    const running = [...this.#running.values()].reduce((sum, sent) => sum + sent, 0);
    const loadedBytes = Math.min(this.#size, this.#held + running);
    if (loadedBytes !== this.#samples.at(-1)?.[1]) this.#moved = now;
    this.#reached = Math.max(this.#reached, loadedBytes);
    const bytesPerSecond = this.#speed(now, loadedBytes);
    return {
      hashedBytes: this.hashedBytes,
      loadedBytes,
      reachedBytes: this.#reached,
      totalBytes: this.#size,
      bytesPerSecond,
      secondsLeft: secondsFor(this.#size - loadedBytes, bytesPerSecond),
      isWaiting: loadedBytes < this.#size && now - this.#moved >= WAITING_AFTER_MS,
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

/** @param {number} bytes @param {number} bytesPerSecond */
function secondsFor(bytes, bytesPerSecond) {
  return bytesPerSecond > 0 ? Math.ceil(bytes / bytesPerSecond) : null;
}

/** All uploads as one that never goes backwards: one that failed or was cancelled counts as long as it came. @param {Iterable<{state: UploadState, ended: boolean, progress: Progress}>} uploads @returns {OverallProgress} */
export function overall(uploads) {
  let [loadedBytes, totalBytes, bytesPerSecond] = [0, 0, 0];
  for (const { state, ended, progress } of uploads) {
    const reached = state === "completed" ? progress.totalBytes : progress.reachedBytes;
    loadedBytes += reached;
    totalBytes += ended ? reached : progress.totalBytes;
    bytesPerSecond += state === "uploading" ? progress.bytesPerSecond : 0;
  }
  return { loadedBytes, totalBytes, bytesPerSecond, secondsLeft: secondsFor(totalBytes - loadedBytes, bytesPerSecond) };
}
