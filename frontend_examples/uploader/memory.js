/** @import {UploadOptions} from "./types.js" */

/** Where an upload goes: one that goes elsewhere is another. @typedef {Pick<UploadOptions, "fileManagerId" | "groupId">} Target */

/** Tokens of unfinished uploads by local file and target. A token is of use only to the user who started the upload. */
export class Memory {
  #storage;

  /** @param {Storage | null} [storage] */
  constructor(storage) {
    this.#storage = storage === undefined ? localStorageOrNull() : storage;
  }

  /** @param {File} file @param {Target} target @param {string} uploadToken */
  keep(file, target, uploadToken) {
    try {
      this.#storage?.setItem(keyOf(file, target), uploadToken);
    } catch {
      // A full storage costs the resume after a reload, not the upload.
    }
  }

  /** @param {File} file @param {Target} target */
  find(file, target) {
    return this.#storage?.getItem(keyOf(file, target));
  }

  /** Unless another upload of the file is remembered by now. @param {File} file @param {Target} target @param {unknown} uploadToken */
  forget(file, target, uploadToken) {
    if (this.find(file, target) === uploadToken) this.#storage?.removeItem(keyOf(file, target));
  }
}

/** @param {File} file @param {Target} target */
export function keyOf({ name, size, lastModified }, { fileManagerId, groupId }) {
  return ["fileman:" + name, size, lastModified, fileManagerId, groupId].join("|");
}

/** Reading the property throws where storage is blocked. */
function localStorageOrNull() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
