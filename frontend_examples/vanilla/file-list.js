/** @import {FileUploader} from "../uploader/file-uploader.js" */
/** @import {UploadHandle} from "../uploader/types.js" */
/** @import {Action} from "./menu.js" */
/** @import {ListedFile, Server} from "./server.js" */
import { UploadError } from "../uploader/file-uploader.js";
import { byId, element, setText } from "./dom.js";
import { bytesText, percent, secondsText } from "./format.js";
import { FileRow } from "./row.js";

const PAUSE_OF_TYPING_MS = 250;
const NOTHING_YET = "No files yet. What you upload is listed here, and stays when you come back.";

/** Uploads new files, or goes on with the file of a row. @typedef {(files: File[], row?: FileRow) => void | Promise<void>} StartUpload */

/** The list: uploads of this page first, then the files of the server that match the search, page by page. */
export class FileList {
  #list = byId("list", HTMLUListElement);
  #more = byId("more", HTMLButtonElement);
  #total = byId("total", HTMLProgressElement);
  #all = byId("pick-all", HTMLInputElement);
  #form = byId("search", HTMLFormElement);
  /** @type {Set<FileRow>} */ #rows = new Set();
  /** Uploads that have their row. @type {WeakSet<UploadHandle>} */
  #shown = new WeakSet();
  /** @type {string | null} */ #cursor = null;
  /** Of the last search: an earlier one that ends later shows nothing. */
  #turn = 0;
  #server;
  #say;
  #start;
  #uploader;
  #isSummaryDue = false;
  #typing = 0;

  /** @param {Server} server @param {(sentence: string) => void} say @param {StartUpload} start @param {FileUploader} uploader */
  constructor(server, say, start, uploader) {
    this.#uploader = uploader;
    this.#server = server;
    this.#say = say;
    this.#start = start;
    const load = (/** @type {string | null} */ after) => void this.#attempt(() => this.load(after));
    this.#more.addEventListener("click", () => load(this.#cursor));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => load(null), PAUSE_OF_TYPING_MS);
    });
    this.#list.addEventListener("change", () => this.#showPicked());
    this.#all.addEventListener("change", () => {
      for (const { pick } of this.#rows) pick.checked = this.#all.checked;
      this.#showPicked();
    });
    byId("delete-picked", HTMLButtonElement).addEventListener("click", () => void this.#attempt(() => this.#confirmDelete(this.#picked)));
  }

  /** The first page of what the search finds, or the one after; what this page is sending is not listed twice. @param {string | null} [after] */
  async load(after = null) {
    const turn = ++this.#turn;
    const search = /** @type {import("./server.js").Search} */ (Object.fromEntries(new FormData(this.#form)));
    const { files, endCursor } = await this.#server.files(search, after);
    if (turn !== this.#turn) return;
    if (!after) for (const row of this.#rows) if (!row.upload || row.upload.state === "completed") this.#drop(row);
    const known = new Set([...this.#rows].map(({ fileId }) => fileId));
    for (const file of files) if (!known.has(file.id)) this.#append(file);
    this.#cursor = endCursor;
    this.#more.hidden = !endCursor;
    setText(byId("empty", HTMLElement), search.name || search.storage ? "No file matches the search." : NOTHING_YET);
    this.#summarise();
  }

  /** Finishes what lacks nothing but its last call, as after a crash: no file is needed for it. */
  async finishStored() {
    const ids = (await this.#uploader.finishStored()).map(({ id }) => id);
    for (const row of this.#rows) if (ids.includes(row.fileId ?? "")) await this.#settle(row);
  }

  /** False: that upload has its row, as after the same file was chosen twice. @param {UploadHandle} upload @param {import("./server.js").FileManager | null} storage @param {FileRow} [row]  of an earlier try */
  add(upload, storage, row) {
    if (this.#shown.has(upload)) return false;
    this.#shown.add(upload);
    const shown = row ?? this.#row(upload.file.name);
    if (!row) shown.showStorage(storage);
    if (!shown.element.isConnected) this.#list.prepend(shown.element);
    shown.follow(upload);
    upload.addEventListener("change", () => this.#summariseSoon());
    upload.addEventListener("change", () => upload.state === "completed" && void this.#settle(shown));
    this.#summariseSoon();
    return true;
  }

  /** @param {ListedFile} file */
  #append(file) {
    const row = this.#row(file.originalFilename);
    row.showFile(file);
    this.#list.append(row.element);
  }

  /** @param {string} name */
  #row(name) {
    const row = new FileRow(name, (action, asked) => void this.#attempt(() => this.#actions[action](asked), asked));
    this.#rows.add(row);
    return row;
  }

  /** Once completed, the server knows more than the upload: links, preview, checksum. @param {FileRow} row */
  async #settle(row) {
    const file = await this.#server.file(row.fileId ?? "").catch(() => null);
    if (file) row.showFile(file);
  }

  /** Tells what went wrong, also in the row that it is about. @param {() => unknown} act @param {FileRow} [row] */
  async #attempt(act, row) {
    try {
      await act();
    } catch (cause) {
      const { code, message } = UploadError.from(cause);
      if (code === "UNAUTHENTICATED") byId("sign-in", HTMLElement).hidden = false;
      row?.note(message);
      this.#say(row ? `${row.name}: ${message}` : message);
    }
  }

  /** @type {Record<Action, (row: FileRow) => unknown>} */
  #actions = {
    Pause: ({ upload }) => upload?.pause(),
    Resume: ({ upload }) => upload?.resume(),
    Cancel: ({ upload }) => upload?.cancel(),
    Retry: (row) => row.upload && this.#start([row.upload.file], row),
    "Choose again": (row) => this.#choose(row),
    "Copy link": (row) => this.#copy(row),
    "Make public": (row) => this.#publish(row, true),
    "Make private": (row) => this.#publish(row, false),
    Details: (row) => row.toggleDetails(),
    Download: () => {},
    Remove: (row) => this.#remove([row]),
    Discard: (row) => this.#delete([row]),
    Delete: (row) => this.#confirmDelete([row]),
  };

  /** @param {FileRow} row */
  #choose(row) {
    const input = element("input", { type: "file" });
    input.addEventListener("change", () => void this.#attempt(() => this.#goOn(row, input.files?.[0]), row));
    input.click();
  }

  /** @param {FileRow} row @param {File} [file] */
  #goOn(row, file) {
    const known = this.#uploader.unfinished().find(({ fileId }) => fileId === row.fileId);
    if (file && known && known.filename !== file.name) throw new Error("This is another file: its name differs.");
    return file && this.#start([file], row);
  }

  /** @param {FileRow} row */
  async #copy({ name, file }) {
    const link = new URL(file?.permalink ?? "", location.href).href;
    try {
      await navigator.clipboard.writeText(link);
    } catch (cause) {
      throw new Error(`The browser did not allow copying. The link is ${link}`, { cause });
    }
    this.#say(`${name}: link copied. ${file?.isPublic ? "Anyone can open it." : "Only who may see the file can open it."}`);
  }

  /** @param {FileRow} row @param {boolean} isPublic */
  async #publish(row, isPublic) {
    row.showFile(await this.#server.publish(row.fileId ?? "", isPublic));
    this.#say(`${row.name}: ${isPublic ? "anyone with the link can open it now." : "private again."}`);
  }

  /** @param {FileRow[]} rows */
  async #delete(rows) {
    await Promise.all(rows.map(({ upload }) => upload?.cancel()));
    const kept = await this.#server.deleteFiles(rows.flatMap(({ fileId }) => fileId ?? []));
    const gone = rows.filter(({ fileId }) => !kept.has(fileId ?? ""));
    for (const row of rows) row.note(kept.get(row.fileId ?? "") ?? "");
    if (kept.size) this.#say(`Not deleted: ${[...kept.values()][0]}`);
    if (!gone.length) return;
    this.#say(`${filesText(gone)} deleted.`);
    this.#remove(gone);
  }

  /** @param {FileRow[]} rows */
  async #confirmDelete(rows) {
    if (await confirmed(filesText(rows))) await this.#delete(rows);
  }

  /** @param {FileRow[]} rows */
  #remove(rows) {
    const neighbours = rows.map((row) => this.#drop(row));
    (neighbours.findLast((each) => each?.isConnected) ?? byId("files-title", HTMLElement)).focus();
    this.#summarise();
  }

  /** @param {FileRow} row */
  #drop(row) {
    this.#rows.delete(row);
    return row.remove();
  }

  get #picked() {
    return [...this.#rows].filter(({ pick }) => pick.checked);
  }

  #showPicked() {
    const { length } = this.#picked;
    this.#all.checked = length > 0;
    this.#all.indeterminate = length > 0 && length < this.#rows.size;
    setText(byId("picked", HTMLElement), length ? `${length} selected` : "Select all");
    byId("delete-picked", HTMLButtonElement).hidden = !length;
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
    byId("picking", HTMLElement).hidden = !this.#rows.size;
    this.#showPicked();
  }
}

/** @param {FileRow[]} rows */
function filesText(rows) {
  return rows.length === 1 ? rows[0].name : `${rows.length} files`;
}

/** @param {string} what */
function confirmed(what) {
  const dialog = byId("confirm", HTMLDialogElement);
  setText(byId("confirm-title", HTMLElement), `Delete ${what}?`);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true }));
}
