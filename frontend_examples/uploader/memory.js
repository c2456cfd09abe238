/** What is needed to go on with an upload after a reload. @typedef {{uploadToken: string, fileManagerId: string | undefined}} Unfinished */

/** Unfinished uploads by the fingerprint of the local file. A token is of use only to the user who started the upload. */
export class Memory {
  #storage;

  /** @param {Storage | null} [storage] */
  constructor(storage) {
    this.#storage = storage === undefined ? localStorageOrNull() : storage;
  }

  /** @param {File} file @param {Unfinished} unfinished */
  keep(file, unfinished) {
    try {
      this.#storage?.setItem(keyOf(file), JSON.stringify(unfinished));
    } catch {
      // A full storage costs the resume after a reload, not the upload.
    }
  }

  /** The token of an upload to that file manager. @param {File} file @param {string | undefined} fileManagerId @returns {string | null} */
  find(file, fileManagerId) {
    const kept = JSON.parse(this.#storage?.getItem(keyOf(file)) ?? "null");
    return kept && kept.fileManagerId === fileManagerId ? kept.uploadToken : null;
  }

  /** @param {File} file */
  forget(file) {
    this.#storage?.removeItem(keyOf(file));
  }
}

/** @param {File} file */
export function keyOf({ name, size, lastModified }) {
  return `fileman:${name}|${size}|${lastModified}`;
}

/** Reading the property throws where storage is blocked. */
function localStorageOrNull() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
