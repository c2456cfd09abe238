/** How often without progress before giving up. */
export const RETRY_LIMIT = 5;
const FIRST_SECONDS = 0.5;
const LONGEST_SECONDS = 30;

/** Exponential backoff with full jitter. @param {number} attempt  from 0 @param {() => number} [random]  in [0, 1) */
export function backoffSeconds(attempt, random = Math.random) {
  return random() * Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** attempt);
}

/**
 * Waits, and while the browser is offline until it is not. Rejects with the signal's reason.
 * Ends early when the page hides, because there may be no later, and when it shows again.
 * @param {number} seconds @param {AbortSignal} [signal]
 */
export async function wait(seconds, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  await settle(signal, (done, over) => {
    timer = setTimeout(done, seconds * 1000);
    globalThis.addEventListener?.("visibilitychange", done, over);
    globalThis.addEventListener?.("pagehide", done, over);
  }).finally(() => clearTimeout(timer));
  if (globalThis.navigator?.onLine === false) {
    await settle(signal, (done, over) => addEventListener("online", done, over));
  }
}

/** Listeners added with `over` are removed at the end. @param {AbortSignal | undefined} signal @param {(done: (value?: any) => void, over: AbortController) => unknown} start @returns {Promise<any>} */
export function settle(signal, start) {
  const over = new AbortController();
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason), over);
    start(resolve, over);
  }).finally(() => over.abort());
}

/** Runs the task over the items, at most `limit` at once. @template T @param {T[]} items @param {number} limit @param {(item: T) => Promise<void>} task */
export async function inParallel(items, limit, task) {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await task(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
