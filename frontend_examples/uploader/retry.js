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

  /** Waits before another try, at least as long as the error says; throws it where there were enough. @param {UploadError} error @param {number} seconds @param {AbortSignal} [signal] */
  async wait(error, seconds, signal) {
    const now = performance.now();
    if (!this.#tries || isOffline()) this.#since = now;
    const isEnough = this.#tries >= RETRY_LIMIT && now - this.#since >= seconds * 1000;
    if (!error.retryable || isEnough) throw error;
    await wait(Math.max(error.retryAfterSeconds ?? 0, backoffSeconds(this.#tries++)), signal);
  }
}

/**
 * Waits, and while the browser is offline until it is not. Rejects with the signal's reason.
 * Ends early when the browser comes online, when the page hides, because there may be no later, and when it shows again.
 * @param {number} seconds @param {AbortSignal} [signal]
 */
export async function wait(seconds, signal) {
  do {
    await settle(signal, (done, over, _, after) => {
      after(seconds, done);
      for (const event of ["online", "visibilitychange", "pagehide"]) globalThis.addEventListener?.(event, done, over);
    });
    seconds = LONGEST_SECONDS;
  } while (isOffline());
}

function isOffline() {
  return globalThis.navigator?.onLine === false;
}

/**
 * A promise that the signal rejects. Listeners added with `over` are removed at its end, and what `after` put off, one
 * thing at a time, is not done then.
 * @param {AbortSignal | undefined} signal
 * @param {(done: (value?: any) => void, over: AbortController, fail: (cause: unknown) => void, after: (seconds: number, act: () => void) => void) => unknown} start
 * @returns {Promise<any>}
 */
export function settle(signal, start) {
  const over = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason), over);
    start(resolve, over, reject, (seconds, act) => {
      clearTimeout(timer);
      timer = setTimeout(act, seconds * 1000);
    });
  }).finally(() => {
    clearTimeout(timer);
    over.abort();
  });
}
