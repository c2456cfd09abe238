/** @import {Upload} from "./upload.js" */
/** @import {UploadOptions} from "./types.js" */

/** @typedef {{signal?: AbortSignal, onProgress?: (bytes: number) => void, createWorker?: () => Worker}} ChecksumOptions */
/**
 * This module is loaded when a checksum is wanted. What it shares with the core is passed to it, not imported, so that
 * bundlers keep the core in one piece.
 * @typedef {{settle: typeof import("./retry.js").settle, UploadError: typeof import("./errors.js").UploadError}} Core
 */

/** Computes the checksum that the options of an upload ask for. @param {Upload} upload @param {Core} core */
export async function hash(upload, core) {
  const { file, engine, signal, options } = upload;
  const algorithm = /** @type {NonNullable<UploadOptions["checksum"]>} */ (options.checksum);
  upload.enter("hashing");
  const onProgress = (/** @type {number} */ bytes) => {
    upload.meter.hashedBytes = bytes;
    upload.moved();
  };
  upload.checksum = await computeChecksum(file, algorithm, { ...engine, signal, onProgress }, core);
  upload.enter("queued");
}

/** @param {File} file @param {NonNullable<UploadOptions["checksum"]>} algorithm @param {ChecksumOptions} options @param {Core} core @returns {Promise<string | undefined>} */
export async function computeChecksum(file, algorithm, { signal, onProgress, createWorker = ownWorker }, { settle, UploadError }) {
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
