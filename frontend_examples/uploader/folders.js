/**
 * The files of a drop, and those in its folders, with the path that a picker of folders gives them: it becomes
 * `metadata.relativePath`. To be called in the event itself, after which nothing is left of the drop.
 * @param {DataTransfer} dropped @returns {Promise<File[]>}
 */
export async function droppedFiles({ items, files }) {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  return entries.length ? (await Promise.all(entries.map(filesIn))).flat() : [...files];
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} */
async function filesIn(entry) {
  if (entry.isDirectory) return filesOf(/** @type {FileSystemDirectoryEntry} */ (entry).createReader());
  /** @type {File} */ const file = await new Promise((done, fail) => /** @type {FileSystemFileEntry} */ (entry).file(done, fail));
  const path = entry.fullPath.slice(1);
  return [path === file.name ? file : Object.defineProperty(file, "webkitRelativePath", { value: path })];
}

/** It tells some at a time, and none after the last. @param {FileSystemDirectoryReader} reader @returns {Promise<File[]>} */
async function filesOf(reader) {
  const files = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */ const entries = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!entries.length) return files;
    for (const entry of entries) files.push(...(await filesIn(entry)));
  }
}
