/** @import {Unfinished, UploadOptions} from "./types.js" */

/** Where an upload goes: one that goes elsewhere is another. @typedef {Pick<UploadOptions, "fileManagerId" | "groupId">} Target */

const PREFIX = "fileman:";

/** Unfinished uploads by local file and target, until they expire. A token is of use only to the user who started the upload. */
export class Memory {
  /** @type {Storage | null | undefined} */ #storage;

  /** @param {Storage | null} [storage] */
  constructor(storage) {
    try {
      this.#storage = storage === undefined ? localStorage : storage;
    } catch {
      // Reading the property throws where storage is blocked.
    }
  }

  /** In the place that it has, if it is kept already. @param {string} key @param {Unfinished} unfinished */
  keep(key, unfinished) {
    this.#write(key, [...new Map([...this.find(key), unfinished].map((each) => [each.fileId, each])).values()]);
  }

  /** Several where equal files were chosen at once, in their order. @param {string} key @returns {Unfinished[]} */
  find(key) {
    try {
      return JSON.parse(this.#storage?.getItem(key) ?? "").filter((/** @type {{expiresAt: string}} */ { expiresAt }) => Date.parse(expiresAt) > Date.now());
    } catch {
      // Nothing, or of another version.
      return [];
    }
  }

  /** @param {string} key @param {unknown} uploadToken */
  forget(key, uploadToken) {
    this.#write(key, this.find(key).filter((each) => each.uploadToken !== uploadToken));
  }

  /** Those that have not expired; the others are removed. @returns {[key: string, unfinished: Unfinished][]} */
  list() {
    return this.#keys().flatMap((key) => {
      const found = this.find(key);
      if (!found.length) this.#write(key, found);
      return found.map((each) => /** @type {[string, Unfinished]} */ ([key, each]));
    });
  }

  clear() {
    for (const key of this.#keys()) this.#storage?.removeItem(key);
  }

  /** @param {string} key @param {Unfinished[]} all */
  #write(key, all) {
    try {
      if (all.length) this.#storage?.setItem(key, JSON.stringify(all));
      else this.#storage?.removeItem(key);
    } catch {
      // A full storage costs the resume after a reload, not the upload.
    }
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
