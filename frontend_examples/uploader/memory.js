/** @import {Unfinished, UploadOptions} from "./types.js" */

/** Where an upload goes: one that goes elsewhere is another. @typedef {Pick<UploadOptions, "fileManagerId" | "groupId">} Target */

const PREFIX = "fileman:";

/** Unfinished uploads by local file and target, until they expire. A token is of use only to the user who started the upload. */
export class Memory {
  /** @type {Storage | null | undefined} */
  #storage;

  /** @param {Storage | null} [storage] */
  constructor(storage) {
    try {
      this.#storage = storage === undefined ? localStorage : storage;
    } catch {
      // Reading the property throws where storage is blocked.
    }
  }

  /** @param {string} key @param {Unfinished} unfinished */
  keep(key, unfinished) {
    try {
      this.#storage?.setItem(key, JSON.stringify(unfinished));
    } catch {
      // A full storage costs the resume after a reload, not the upload.
    }
  }

  /** @param {string} key @returns {Unfinished | null} */
  find(key) {
    try {
      const found = JSON.parse(this.#storage?.getItem(key) ?? "null");
      return Date.parse(found.expiresAt) > Date.now() ? found : null;
    } catch {
      // Nothing, or of another version.
      return null;
    }
  }

  /** Unless another upload of the file is remembered by now. @param {string} key @param {unknown} uploadToken */
  forget(key, uploadToken) {
    if (this.find(key)?.uploadToken === uploadToken) this.#storage?.removeItem(key);
  }

  /** Those that have not expired; the others are removed. @returns {[key: string, unfinished: Unfinished][]} */
  list() {
    return this.#keys().flatMap((key) => {
      const found = this.find(key);
      if (!found) this.#storage?.removeItem(key);
      return found ? [[key, found]] : [];
    });
  }

  clear() {
    for (const key of this.#keys()) this.#storage?.removeItem(key);
  }

  #keys() {
    const { length = 0 } = this.#storage ?? {};
    return Array.from({ length }, (_, index) => this.#storage?.key(index) ?? "").filter((key) => key.startsWith(PREFIX));
  }
}

/** @param {File} file @param {Target} target */
export function keyOf({ name, size, lastModified, webkitRelativePath }, { fileManagerId, groupId }) {
  return [PREFIX + (webkitRelativePath || name), size, lastModified, fileManagerId, groupId].join("|");
}
