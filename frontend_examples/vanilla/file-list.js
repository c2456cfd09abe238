/** @import {FileUploader} from "../uploader/file-uploader.js" */
/** @import {UploadHandle} from "../uploader/types.js" */
/** @import {Action} from "./row.js" */
/** @import {ListedFile, Server} from "./server.js" */
import { UploadError } from "../uploader/file-uploader.js";
import { byId, setText } from "./dom.js";
import { bytesText, percent, secondsText } from "./format.js";
import { FileRow } from "./row.js";

/** Uploads new files, or goes on with the file of a row. @typedef {(files: File[], row?: FileRow) => void} StartUpload */

/** The list: uploads of this page first, then the files of the server, page by page. */
export class FileList {
  #list = byId("list", HTMLUListElement);
  #more = byId("more", HTMLButtonElement);
  #total = byId("total", HTMLProgressElement);
  /** @type {Set<FileRow>} */
  #rows = new Set();
  /** @type {string | null} */
  #cursor = null;
  #server;
  #say;
  #start;
  #uploader;
  #isSummaryDue = false;

  /** @param {Server} server @param {(sentence: string) => void} say @param {StartUpload} start @param {FileUploader} uploader */
  constructor(server, say, start, uploader) {
    this.#uploader = uploader;
    this.#server = server;
    this.#say = say;
    this.#start = start;
    this.#more.addEventListener("click", () => void this.load().catch((cause) => say(UploadError.from(cause).message)));
  }

  /** True while leaving the page would interrupt an upload. */
  get isBusy() {
    return this.#uploader.uploads.some(({ ended }) => !ended);
  }

  /** The next page of the server's files; one that this page is sending is not listed twice. */
  async load() {
    const { files, endCursor } = await this.#server.files(this.#cursor);
    const known = new Set([...this.#rows].map(({ fileId }) => fileId));
    for (const file of files) if (!known.has(file.id)) this.#append(file);
    this.#cursor = endCursor;
    this.#more.hidden = endCursor === null;
    this.#summarise();
  }

  /** Finishes what lacks nothing but its last call, as after a crash: no file is needed for it. */
  async finishStored() {
    const ids = (await this.#uploader.finishStored()).map(({ id }) => id);
    for (const row of this.#rows) if (ids.includes(row.fileId ?? "")) await this.#settle(row);
  }

  /** True if a row shows that upload. @param {UploadHandle} upload */
  shows(upload) {
    return [...this.#rows].some((row) => row.upload === upload);
  }

  /** @param {UploadHandle} upload @param {string | undefined} fileManagerId @param {FileRow} [row]  of an earlier try */
  add(upload, fileManagerId, row = this.#row(upload.file.name)) {
    row.fileManagerId = fileManagerId;
    if (!row.element.isConnected) this.#list.prepend(row.element);
    row.follow(upload);
    upload.addEventListener("change", () => this.#summariseSoon());
    upload.addEventListener("change", () => upload.state === "completed" && void this.#settle(row));
    this.#summariseSoon();
  }

  /** @param {ListedFile} file */
  #append(file) {
    const row = this.#row(file.originalFilename);
    row.showFile(file);
    this.#list.append(row.element);
  }

  /** @param {string} name */
  #row(name) {
    const row = new FileRow(name, (action, asked) => void this.#act(action, asked));
    this.#rows.add(row);
    return row;
  }

  /** Once completed, the server knows more than the upload: links, preview, checksum. @param {FileRow} row */
  async #settle(row) {
    const file = await this.#server.file(row.fileId ?? "").catch(() => null);
    if (file) row.showFile(file);
  }

  /** @param {Action} action @param {FileRow} row */
  async #act(action, row) {
    try {
      await this.#actions[action](row);
    } catch (cause) {
      const { message } = UploadError.from(cause);
      row.note(message);
      this.#say(`${row.name}: ${message}`);
    }
  }

  /** @type {Record<Action, (row: FileRow) => unknown>} */
  #actions = {
    pause: ({ upload }) => upload?.pause(),
    resume: ({ upload }) => upload?.resume(),
    cancel: ({ upload }) => upload?.cancel(),
    retry: (row) => row.upload && this.#start([row.upload.file], row),
    choose: (row) => this.#choose(row),
    copy: (row) => this.#copy(row),
    remove: (row) => this.#remove(row),
    discard: (row) => this.#delete(row),
    delete: async (row) => (await confirmed(row.name)) && this.#delete(row),
  };

  /** @param {FileRow} row */
  #choose(row) {
    const input = document.createElement("input");
    input.type = "file";
    input.addEventListener("change", () => input.files?.length && this.#start([...input.files], row));
    input.click();
  }

  /** @param {FileRow} row */
  async #copy({ name, permalink }) {
    const link = new URL(permalink ?? "", location.href).href;
    try {
      await navigator.clipboard.writeText(link);
    } catch (cause) {
      throw new Error(`The browser did not allow copying. The link is ${link}`, { cause });
    }
    this.#say(`${name}: link copied.`);
  }

  /** @param {FileRow} row */
  async #delete(row) {
    if (row.fileId) await this.#server.deleteFile(row.fileId);
    this.#say(`${row.name}: deleted.`);
    this.#remove(row);
  }

  /** @param {FileRow} row */
  #remove(row) {
    this.#rows.delete(row);
    (row.remove() ?? byId("files-title", HTMLElement)).focus();
    this.#summarise();
  }

  /** At most four times a second, however many files there are. */
  #summariseSoon() {
    if (!this.#isSummaryDue) setTimeout(() => this.#summarise(), 250);
    this.#isSummaryDue = true;
  }

  #summarise() {
    this.#isSummaryDue = false;
    const active = this.#uploader.uploads.filter(({ ended }) => !ended);
    const { loadedBytes, totalBytes, secondsLeft } = this.#uploader.progress;
    const done = percent(loadedBytes, totalBytes);
    const left = secondsLeft === null ? "" : `, ${secondsText(secondsLeft)} left`;
    const sentence = `${active.length === 1 ? "1 file" : `${active.length} files`} on the way: ${done} % of ${bytesText(totalBytes)}${left}`;
    setText(byId("summary", HTMLElement), active.length ? sentence : "");
    this.#total.hidden = active.length < 2;
    this.#total.value = done;
    byId("empty", HTMLElement).hidden = this.#rows.size > 0;
  }
}

/** @param {string} name */
function confirmed(name) {
  const dialog = byId("confirm", HTMLDialogElement);
  setText(byId("confirm-title", HTMLElement), `Delete ${name}?`);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true }));
}
