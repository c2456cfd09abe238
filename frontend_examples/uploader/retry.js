/** @import {UploadError} from "./errors.js" */

/** How often without progress before giving up, where patience does not ask for more. */
export const RETRY_LIMIT = 5;
const FIRST_SECONDS = 0.5;
const LONGEST_SECONDS = 30;

/** Exponential backoff with full jitter. @param {number} attempt  from 0 @param {() => number} [random]  in [0, 1) */
export function backoffSeconds(attempt, random = Math.random) {
  return random() * Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** attempt);
}

/** Tries without progress, and how many of them are enough: five, and as many more as fit into the seconds of patience. */
export class Patience {
  #tries = 0;
  #since = 0;

  /** There was progress. */
  reset() {
    this.#tries = 0;
  }

  /** Waits before another try, at least that long; throws the error where there were enough. @param {UploadError} error @param {number} seconds @param {AbortSignal} [signal] @param {number} [least] */
  async wait(error, seconds, signal, least = 0) {
    const now = performance.now();
    if (!this.#tries || isOffline()) this.#since = now;
    const isEnough = this.#tries >= RETRY_LIMIT && now - this.#since >= seconds * 1000;
    if (!error.retryable || isEnough) throw error;
    await wait(Math.max(least, backoffSeconds(this.#tries++)), signal);
  }
}

/**
 * Waits, and while the browser is offline until it is not. Rejects with the signal's reason.
 * Ends early when the browser comes online, when the page hides, because there may be no later, and when it shows again.
 * @param {number} seconds @param {AbortSignal} [signal]
 */
export async function wait(seconds, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  await settle(signal, (done, over) => {
    timer = setTimeout(done, seconds * 1000);
    for (const event of ["online", "visibilitychange", "pagehide"]) globalThis.addEventListener?.(event, done, over);
  }).finally(() => clearTimeout(timer));
  if (isOffline()) await settle(signal, (done, over) => addEventListener("online", done, over));
}

function isOffline() {
  return globalThis.navigator?.onLine === false;
}

/** Listeners added with `over` are removed at the end. @param {AbortSignal | undefined} signal @param {(done: (value?: any) => void, over: AbortController, fail: (cause: unknown) => void) => unknown} start @returns {Promise<any>} */
export function settle(signal, start) {
  const over = new AbortController();
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason), over);
    start(resolve, over, reject);
  }).finally(() => over.abort());
}
