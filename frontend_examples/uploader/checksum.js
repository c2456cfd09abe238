/** @import {UploadOptions} from "./types.js" */
import { UploadError } from "./errors.js";
import { settle } from "./retry.js";

/**
 * `<algorithm>:<hex>` of the whole file, computed in a worker of its own, slice by slice. Undefined: none is wanted.
 * @param {File} file
 * @param {NonNullable<UploadOptions["checksum"]>} algorithm
 * @param {{signal?: AbortSignal, onProgress?: (bytes: number) => void, createWorker?: () => Worker}} [options]
 * @returns {Promise<string | undefined>}
 */
export async function checksumOf(file, algorithm, { signal, onProgress, createWorker = ownWorker } = {}) {
  const asked = typeof algorithm === "function" ? await algorithm(file) : algorithm;
  if (!asked || asked.includes(":")) return asked;
  const worker = createWorker();
  /** @type {string | undefined} */
  const hex = await settle(signal, (done) => {
    worker.onmessage = ({ data }) => ("bytes" in data ? onProgress?.(data.bytes) : done(data.hex));
    worker.onerror = () => done();
    worker.postMessage({ file, algorithm: asked });
  }).finally(() => worker.terminate());
  if (hex) return `${asked}:${hex}`;
  throw new UploadError({ code: "CHECKSUM_UNAVAILABLE", message: "No checksum could be computed." });
}

function ownWorker() {
  return new Worker(new URL("./checksum-worker.js", import.meta.url), { type: "module" });
}
