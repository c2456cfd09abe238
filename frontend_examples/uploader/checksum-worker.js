/** @import {ChecksumAlgorithm} from "./types.js" */
import { Crc32c } from "./crc32c.js";

const SLICE_BYTES = 4 * 1024 * 1024;
/** WebCrypto is faster, but holds the whole file in memory and tells no progress. */
const WEBCRYPTO_MAX_BYTES = 16 * 1024 * 1024;

/** @param {File} file @param {ChecksumAlgorithm} algorithm */
async function hexOf(file, algorithm) {
  if (algorithm === "sha256" && file.size <= WEBCRYPTO_MAX_BYTES && globalThis.crypto?.subtle) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  // hash-wasm; one file, so that it is there without a build step too.
  const hash = algorithm === "sha256" ? await (await import("./sha256-wasm.js")).createSHA256() : new Crc32c();
  for (let at = 0; at < file.size; at += SLICE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + SLICE_BYTES).arrayBuffer()));
    postMessage({ bytes: Math.min(at + SLICE_BYTES, file.size) });
  }
  return hash.digest();
}

globalThis.onmessage = async (/** @type {MessageEvent<{file: File, algorithm: ChecksumAlgorithm}>} */ { data }) => {
  const hex = await hexOf(data.file, data.algorithm).catch(() => undefined);
  postMessage({ hex });
};
