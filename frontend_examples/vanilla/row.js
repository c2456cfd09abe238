/** @import {UploadHandle, UploadState} from "../uploader/types.js" */
/** @import {ListedFile} from "./server.js" */
import { Details } from "./details.js";
import { element, setText } from "./dom.js";
import { bytesText, dateText, extensionText, nameText, percent, progressText } from "./format.js";

/** @typedef {"pause" | "resume" | "retry" | "choose" | "copy" | "cancel" | "discard" | "remove" | "delete"} Action */

const LABELS = /** @type {const} */ ({
  pause: "Pause",
  resume: "Resume",
  retry: "Retry",
  choose: "Choose the file again",
  copy: "Copy link",
  cancel: "Cancel",
  discard: "Discard",
  remove: "Remove",
  delete: "Delete",
});
const RASTER = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** Failed ones depend on the error, completed ones on the server. @type {Record<UploadState, Action[]>} */
const ACTIONS = {
  queued: ["cancel"],
  hashing: ["cancel"],
  starting: ["cancel"],
  uploading: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  verifying: [],
  completed: [],
  failed: [],
  cancelled: ["remove"],
};

/** @type {Partial<Record<ListedFile["uploadStatus"], UploadState>>} */
const LISTED_STATES = { COMPLETED: "completed", PENDING: "paused", VERIFYING: "verifying" };

/** One file of the list, from its choice to its deletion. Every button tells `onAction` what was asked. */
export class FileRow {
  #buttons = /** @type {Map<Action, HTMLButtonElement>} */ (new Map());
  #status = element("p", { class: "state" });
  #bar;
  #thumb = element("span", { class: "thumb", "aria-hidden": "true" });
  #download;
  #details;
  #pictureUrl = "";
  element = element("li", { class: "file", tabIndex: -1 });
  /** @type {UploadHandle | null} */
  upload = null;
  /** @type {string | null} */
  fileId = null;
  /** Where it goes or went. @type {string | undefined} */
  fileManagerId;
  /** @type {string | null} */
  permalink = null;

  /** @param {string} rawName @param {(action: Action, row: FileRow) => void} onAction */
  constructor(rawName, onAction) {
    const name = nameText(rawName);
    this.name = name;
    this.#bar = element("progress", { max: 100, value: 0, "aria-label": `Progress of ${name}` });
    this.#download = element("a", { class: "button", "aria-label": `Download ${name}`, download: "", hidden: true }, "Download");
    this.#details = new Details(name);
    const actions = element("div", { class: "actions" }, this.#download);
    for (const [action, label] of /** @type {[Action, string][]} */ (Object.entries(LABELS))) {
      const button = element("button", { type: "button", "aria-label": `${label}: ${name}`, hidden: true, onclick: () => onAction(action, this) }, label);
      if (action === "delete" || action === "discard") button.classList.add("danger");
      this.#buttons.set(action, button);
      actions.append(button);
    }
    const text = element("div", { class: "text" }, element("h3", { title: name }, name), this.#status, this.#bar);
    this.#thumb.textContent = extensionText(name);
    this.element.append(this.#thumb, text, actions, this.#details.element);
  }

  /** Follows an upload that this page makes. @param {UploadHandle} upload */
  follow(upload) {
    this.upload = upload;
    if (RASTER.test(upload.file.type)) this.#showPicture(URL.createObjectURL(upload.file));
    upload.addEventListener("debug", ({ detail }) => this.#details.add(detail));
    upload.addEventListener("change", () => this.#showUpload(upload));
    this.#showUpload(upload);
  }

  /** Shows what the server tells of a file that this page is not sending. @param {ListedFile} file */
  showFile(file) {
    this.fileId = file.id;
    this.fileManagerId = file.fileManager?.id;
    this.permalink = file.permalink;
    if (file.preview && RASTER.test(file.contentType) && !this.#pictureUrl) this.#showPicture(file.preview);
    this.#details.showFacts(file);
    if (file.permalink) this.#download.href = file.permalink;
    this.#show(LISTED_STATES[file.uploadStatus] ?? "failed", listedSentence(file), listedActions(file));
    this.#bar.hidden = true;
    this.#download.hidden = file.uploadStatus !== "COMPLETED" || !file.permalink;
  }

  /** Adds a sentence to what the row says. @param {string} sentence */
  note(sentence) {
    setText(this.#status, sentence);
  }

  /** Takes it off the page. The next row, else the one before, is told to the caller for the focus. */
  remove() {
    const neighbour = this.element.nextElementSibling ?? this.element.previousElementSibling;
    this.element.remove();
    this.#forgetPicture();
    return neighbour instanceof HTMLElement ? neighbour : null;
  }

  /** @param {UploadHandle} upload */
  #showUpload(upload) {
    const { state, progress, remoteFile, error } = upload;
    this.fileId = remoteFile?.id ?? this.fileId;
    this.#bar.value = state === "completed" ? 100 : percent(progress.reachedBytes, progress.totalBytes);
    const giveUp = /** @type {Action} */ (this.fileId ? "discard" : "remove");
    if (error?.code === "FILE_MISMATCH") return this.#show(state, uploadSentence(upload), ["choose", giveUp]);
    const ways = error?.retryable ? /** @type {Action[]} */ (["retry", giveUp]) : [giveUp];
    this.#show(state, uploadSentence(upload), state === "failed" ? ways : ACTIONS[state]);
  }

  /** @param {UploadState} state @param {string} sentence @param {Action[]} actions */
  #show(state, sentence, actions) {
    this.element.dataset.state = state;
    setText(this.#status, sentence);
    this.#bar.hidden = ["completed", "failed", "cancelled"].includes(state);
    const hadFocus = this.element.contains(document.activeElement) && document.activeElement;
    for (const [action, button] of this.#buttons) button.hidden = !actions.includes(action);
    const lost = hadFocus instanceof HTMLElement && hadFocus.hidden;
    if (lost) (this.#buttons.get(actions[0]) ?? this.element).focus();
  }

  /** @param {string} url */
  #showPicture(url) {
    this.#forgetPicture();
    this.#pictureUrl = url;
    const picture = element("img", { alt: "", src: url });
    picture.addEventListener("error", () => this.#thumb.replaceChildren(extensionText(this.name)));
    this.#thumb.replaceChildren(picture);
  }

  #forgetPicture() {
    if (this.#pictureUrl.startsWith("blob:")) URL.revokeObjectURL(this.#pictureUrl);
  }
}

/** @param {UploadHandle} upload */
function uploadSentence({ state, progress, error, file }) {
  const waiting = /** @type {Partial<Record<UploadState, string>>} */ ({
    queued: `Waiting. ${bytesText(file.size)}`,
    hashing: `Computing the checksum… ${percent(progress.hashedBytes, progress.totalBytes)} %`,
    starting: "Asking the server…",
    verifying: "Sent. The server is checking it…",
    completed: `Uploaded. ${bytesText(file.size)}`,
    cancelled: "Cancelled.",
  });
  if (state === "failed") return `${error?.message ?? "It failed."}${error?.retryable ? " Retry goes on where it stopped." : ""}`;
  return waiting[state] ?? (state === "paused" ? `Paused at ${progressText(progress, false)}` : progressText(progress));
}

/** @param {ListedFile} file */
function listedSentence({ uploadStatus, fileSize, created, failureReason }) {
  const size = bytesText(fileSize);
  const sentences = {
    COMPLETED: `${size} · ${dateText(created)}`,
    PENDING: `Not finished. Choose the same file again to go on where it stopped. ${size}`,
    VERIFYING: `The server is checking it. ${size}`,
    FAILED: `Refused. ${failureReason ?? "The stored bytes were not what was declared."}`,
    EXPIRED: "Expired before it was finished.",
    ABORTED: "Cancelled.",
  };
  return sentences[uploadStatus];
}

/** @param {ListedFile} file @returns {Action[]} */
function listedActions({ uploadStatus, viewerCanDelete }) {
  if (uploadStatus === "PENDING") return ["choose", "discard"];
  if (uploadStatus === "VERIFYING") return [];
  if (!viewerCanDelete) return uploadStatus === "COMPLETED" ? ["copy"] : [];
  return uploadStatus === "COMPLETED" ? ["copy", "delete"] : ["discard"];
}
