/** @import {OverallProgress, Progress, UploadInstructions, UploadRequest, UploadState} from "./types.js" */

const SPEED_WINDOW_MS = 4000;
const WAITING_AFTER_MS = 10_000;
const LEAST_MS_BETWEEN_EVENTS = 100;

/** Adds up bytes over parts that run at once, and tells speed and time left. Times are in milliseconds, passed in. */
export class Meter {
  #size;
  #held = 0;
  #partsDone = 0;
  #partsTotal = 0;
  /** @type {Map<number, number>} */ #running = new Map();
  /** @type {[time: number, bytes: number][]} */ #samples = [];
  #moved = 0;
  #reported = -Infinity;
  hashedBytes = 0;
  /** As of the last update: reading it changes nothing. @type {Readonly<Progress>} */
  // @ts-expect-error  the constructor updates it
  progress;

  /** @param {number} size  of the file, in bytes */
  constructor(size) {
    this.#size = size;
    this.update(0);
  }

  /** @param {UploadInstructions} instructions @param {number} now @returns {number} bytes that the storage holds */
  begin({ requests, hasMore, totalParts }, now) {
    const { offset = 0, length = 0, partNumber = 0 } = requests.at(-1) ?? {};
    // As far as a window tells: all below its end that it does not ask for.
    const held = requests.reduce((held, { length }) => held - length, hasMore ? offset + length : this.#size);
    // What was held before was not sent just now.
    if (held !== this.#held) this.#samples = [];
    this.#held = held;
    this.#partsDone = (hasMore ? partNumber : totalParts) - requests.length;
    this.#partsTotal = totalParts;
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
    this.#partsDone++;
  }

  /** True at most ten times a second. @param {number} now */
  isDue(now) {
    if (now - this.#reported < LEAST_MS_BETWEEN_EVENTS) return false;
    this.#reported = now;
    return true;
  }

  /** @param {number} now */
  update(now) {
    const totalBytes = this.#size;
    const loadedBytes = Math.min(totalBytes, [...this.#running.values()].reduce((sum, sent) => sum + sent, this.#held));
    const [, last] = this.#samples.at(-1) ?? [0, -1];
    if (loadedBytes !== last) this.#moved = now;
    // Of the last seconds, as far back as bytes only came.
    this.#samples = this.#samples.filter(([time]) => loadedBytes >= last && now - time <= SPEED_WINDOW_MS);
    this.#samples.push([now, loadedBytes]);
    const [time, first] = this.#samples[0];
    const bytesPerSecond = now > time ? Math.round(((loadedBytes - first) * 1000) / (now - time)) : 0;
    this.progress = {
      hashedBytes: this.hashedBytes,
      loadedBytes,
      reachedBytes: Math.max(this.progress?.reachedBytes ?? 0, loadedBytes),
      totalBytes,
      bytesPerSecond,
      secondsLeft: secondsFor(totalBytes - loadedBytes, bytesPerSecond),
      isWaiting: loadedBytes < totalBytes && now - this.#moved >= WAITING_AFTER_MS,
      partsDone: this.#partsDone,
      partsTotal: this.#partsTotal,
    };
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
