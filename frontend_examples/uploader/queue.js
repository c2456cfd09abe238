import { settle } from "./retry.js";

/** Places for what runs at once. Who asked first comes first. */
export class Places {
  #free;
  /** @type {{signal?: AbortSignal, enter: (leave: () => void) => void}[]} */ #waiting = [];

  /** @param {number} limit */
  constructor(limit) {
    this.#free = limit;
  }

  /** Resolves, once there is room, with the function that gives the place back. @param {AbortSignal} [signal] @returns {Promise<() => void>} */
  take(signal) {
    return settle(signal, (enter) => {
      this.#waiting.push({ signal, enter });
      this.#fill();
    });
  }

  /** Does it once there is room. @param {() => unknown} act @param {AbortSignal} [signal] */
  async run(act, signal) {
    const leave = await this.take(signal);
    try {
      await act();
    } finally {
      leave();
    }
  }

  #fill() {
    while (this.#free && this.#waiting.length) {
      const [{ signal, enter }] = this.#waiting.splice(0, 1);
      if (signal?.aborted) continue;
      this.#free--;
      enter(() => {
        this.#free++;
        this.#fill();
      });
    }
  }
}

/** The places of each host, found by a URL. @param {number} limit @returns {(url: string) => Places} */
export function placesByHost(limit) {
  /** @type {Record<string, Places>} */ const known = {};
  return (url) => (known[new URL(url, globalThis.location?.href).host] ??= new Places(limit));
}
