/** @import {Upload} from "../uploader/file-uploader.js" */
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

  /** @param {Server} server @param {(sentence: string) => void} say @param {StartUpload} start */
  constructor(server, say, start) {
    this.#server = server;
    this.#say = say;
    this.#start = start;
    this.#more.addEventListener("click", () => void this.load().catch((cause) => say(UploadError.from(cause).message)));
  }

  /** True while leaving the page would interrupt an upload. */
  get isBusy() {
    return this.#active.length > 0;
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

  /** @param {Upload} upload @param {string | undefined} fileManagerId @param {FileRow} [row]  of an earlier try */
  add(upload, fileManagerId, row = this.#row(upload.file.name)) {
    row.fileManagerId = fileManagerId;
    if (!row.element.isConnected) this.#list.prepend(row.element);
    row.follow(upload);
    upload.addEventListener("change", () => this.#summarise());
    upload.addEventListener("change", () => upload.state === "completed" && void this.#settle(row));
    this.#summarise();
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
      throw new UploadError({ code: "NO_CLIPBOARD", message: `The browser did not allow copying. The link is ${link}` }, cause);
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

  get #active() {
    return [...this.#rows].flatMap(({ upload }) => (upload && !upload.ended ? [upload] : []));
  }

  #summarise() {
    const active = this.#active;
    const all = active.map(({ progress }) => progress);
    const [total, loaded, speed] = /** @type {const} */ (["totalBytes", "loadedBytes", "bytesPerSecond"]).map((key) => all.reduce((sum, progress) => sum + progress[key], 0));
    const left = speed > 0 ? `, ${secondsText(Math.ceil((total - loaded) / speed))} left` : "";
    const sentence = `${active.length === 1 ? "1 file" : `${active.length} files`} on the way: ${percent(loaded, total)} % of ${bytesText(total)}${left}`;
    setText(byId("summary", HTMLElement), active.length ? sentence : "");
    this.#total.hidden = active.length < 2;
    this.#total.value = percent(loaded, total);
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
