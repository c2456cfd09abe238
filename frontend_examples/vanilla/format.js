const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** @param {number} bytes */
export function bytesText(bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)));
  const value = bytes / 1024 ** power;
  if (bytes === 1) return "1 byte";
  return `${value < 10 && power > 0 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${UNITS[power]}`;
}

/** @param {number} seconds */
export function secondsText(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  return whole ? Math.floor((part / whole) * 100) : 0;
}

/** A name for the page: characters that turn the direction of text would disguise what comes after them. @param {string} name */
export function nameText(name) {
  return name.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** @param {string} iso */
export function dateText(iso) {
  const date = new Date(iso);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return date.toLocaleString(undefined, { year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
}

/** Two to four letters for the tile of a file without a picture. @param {string} name */
export function extensionText(name) {
  const extension = name.includes(".") ? (name.split(".").at(-1) ?? "") : "";
  return extension.length > 0 && extension.length < 5 ? extension.toUpperCase() : "FILE";
}

/** "Amazon S3 (moto)": what people call it, and what only its administrator needs to know. @param {string} name @returns {[string, string]} */
export function storageText(name) {
  const [, plain, note] = /^(.+?) \((.+)\)$/.exec(name) ?? ["", name, ""];
  return [plain, note];
}

/** What a file manager accepts, in words; a limit that no file comes near is not worth any. @param {{maxFileSize: number, allowedExtensions: string[], allowedMimeTypes: string[]}} limits */
export function limitsText({ maxFileSize, allowedExtensions, allowedMimeTypes }) {
  const size = maxFileSize > 0 && maxFileSize < 1024 ** 4 ? `Up to ${bytesText(maxFileSize)} each. ` : "";
  const kinds = allowedExtensions.length ? allowedExtensions.map((extension) => extension.replace(/^\./, "").toUpperCase()) : allowedMimeTypes;
  return `${size}${kinds.length ? `Types: ${kinds.join(", ")}.` : "All types."}`;
}

/** @param {import("../uploader/types.js").Progress} progress @param {boolean} [moving]  false: a speed would mislead */
export function progressText({ loadedBytes, totalBytes, bytesPerSecond, secondsLeft, isWaiting, partsDone, partsTotal }, moving = true) {
  const words = [`${percent(loadedBytes, totalBytes)} %`, `${bytesText(loadedBytes)} of ${bytesText(totalBytes)}`];
  if (moving && isWaiting) words.push("waiting for the network");
  if (moving && bytesPerSecond > 0) words.push(`${bytesText(bytesPerSecond)}/s`);
  if (moving && secondsLeft !== null && loadedBytes < totalBytes) words.push(`${secondsText(secondsLeft)} left`);
  if (partsTotal > 1) words.push(`${partsDone} of ${partsTotal} parts`);
  return words.join(" · ");
}
