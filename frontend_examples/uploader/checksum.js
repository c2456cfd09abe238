/** @import {UploadOptions} from "./types.js" */
import { UploadError } from "./errors.js";
import { settle } from "./retry.js";

/**
 * `<algorithm>:<hex>` of the whole file, computed in a worker of its own, slice by slice. Undefined: none is wanted.
 * @param {File} file
 * @param {NonNullable<UploadOptions["checksum"]>} algorithm
 * @param {AbortSignal} signal
 * @returns {Promise<string | undefined>}
 */
export async function checksumOf(file, algorithm, signal) {
  const asked = typeof algorithm === "function" ? await algorithm(file) : algorithm;
  if (!asked || asked.includes(":")) return asked;
  const worker = new Worker(new URL("./checksum-worker.js", import.meta.url), { type: "module" });
  /** @type {{hex?: string}} */
  const answer = await settle(signal, (done) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = () => done({});
    worker.postMessage({ file, algorithm: asked });
  }).finally(() => worker.terminate());
  if (answer.hex) return `${asked}:${answer.hex}`;
  throw new UploadError({ code: "CHECKSUM_UNAVAILABLE", message: "No checksum could be computed." });
}
