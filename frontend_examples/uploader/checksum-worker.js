import { Crc32c } from "./crc32c.js";
import { Sha256 } from "./sha256.js";

const SLICE_BYTES = 4 * 1024 * 1024;
/** WebCrypto is ten times as fast, and holds the whole file in memory. */
const WEBCRYPTO_MAX_BYTES = 64 * 1024 * 1024;

/** @param {File} file @param {"sha256" | "crc32c"} algorithm */
async function hexOf(file, algorithm) {
  if (algorithm === "sha256" && file.size <= WEBCRYPTO_MAX_BYTES && globalThis.crypto?.subtle) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = algorithm === "sha256" ? new Sha256() : new Crc32c();
  for (let at = 0; at < file.size; at += SLICE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + SLICE_BYTES).arrayBuffer()));
  }
  return hash.hex();
}

globalThis.onmessage = async (/** @type {MessageEvent<{file: File, algorithm: "sha256" | "crc32c"}>} */ { data }) => {
  const hex = await hexOf(data.file, data.algorithm).catch(() => undefined);
  globalThis.postMessage({ hex });
};
