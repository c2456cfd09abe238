/** @import {RequestRecord, UploadHandle, UploadState} from "../uploader/types.js" */
/** @import {Action} from "./menu.js" */
/** @import {ListedFile} from "./server.js" */
import { Details } from "./details.js";
import { element, setText } from "./dom.js";
import { bytesText, dateText, extensionText, nameText, percent, progressText, storageText } from "./format.js";
import { fillMenu, menu } from "./menu.js";

const RASTER = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** Failed ones depend on the error, completed ones on the server. @type {Partial<Record<UploadState, Action[]>>} */
const ACTIONS = {
  uploading: ["Pause", "Cancel"],
  paused: ["Resume", "Cancel"],
  verifying: [],
  completed: [],
  cancelled: ["Remove"],
};

/** @type {Partial<Record<ListedFile["uploadStatus"], UploadState>>} */
const LISTED_STATES = { COMPLETED: "completed", PENDING: "paused", VERIFYING: "verifying" };

/** One file of the list, from its choice to its deletion. Its buttons and the menu tell `onAction` what was asked. */
export class FileRow {
  #status = element("span", { class: "state" });
  #storage = element("span", { class: "where" });
  #text;
  /** @type {HTMLProgressElement | null} */ #bar = null;
  #thumb = element("span", { class: "thumb", "aria-hidden": "true" });
  /** Holds the button of the first action. */
  #place = element("span", { class: "primary-action" });
  #more;
  #onAction;
  /** @type {Action[]} */ #actions = [];
  /** What the details tell, once somebody looks. @type {RequestRecord[]} */
  #records = [];
  /** @type {Details | null} */ #details = null;
  #pictureUrl = "";
  element = element("li", { class: "file", tabIndex: -1 });
  /** @type {UploadHandle | null} */ upload = null;
  /** What the server last told of it. @type {ListedFile | null} */
  file = null;
  /** @type {string | null} */ fileId = null;
  /** Where it goes or went. @type {string | undefined} */
  fileManagerId;

  /** @param {string} rawName @param {(action: Action, row: FileRow) => void} onAction */
  constructor(rawName, onAction) {
    const name = nameText(rawName);
    this.name = name;
    this.#onAction = onAction;
    this.pick = element("input", { type: "checkbox", "aria-label": `Select ${name}` });
    this.#text = element("div", { class: "text" }, element("h3", { title: name }, name), element("p", {}, this.#status, this.#storage));
    this.#thumb.textContent = extensionText(name);
    const onclick = () => fillMenu(name, ["Details", ...this.#actions.slice(1)], (action) => onAction(action, this));
    this.#more = element("button", { type: "button", class: "more", "aria-haspopup": "menu", "aria-label": `More: ${name}`, popoverTargetElement: menu, onclick }, "⋯");
    this.element.append(element("label", { class: "pick" }, this.pick), this.#thumb, this.#text, this.#place, this.#more);
  }

  /** @param {{id: string, name: string} | null | undefined} manager */
  showStorage(manager) {
    if (!manager) return;
    this.fileManagerId = manager.id;
    setText(this.#storage, storageText(manager.name)[0]);
  }

  /** Follows an upload that this page makes. @param {UploadHandle} upload */
  follow(upload) {
    this.upload = upload;
    if (RASTER.test(upload.file.type)) this.#showPicture(URL.createObjectURL(upload.file));
    this.#bar ??= element("progress", { max: 100, value: 0, "aria-label": `Progress of ${this.name}` });
    this.#text.append(this.#bar);
    upload.addEventListener("debug", ({ detail }) => this.#records.push(detail) && this.#details?.add(detail));
    upload.addEventListener("change", () => this.#showUpload(upload));
    this.#showUpload(upload);
  }

  /** Shows what the server tells of a file that this page is not sending. @param {ListedFile} file */
  showFile(file) {
    this.file = file;
    this.fileId = file.id;
    this.showStorage(file.fileManager);
    if (file.preview && RASTER.test(file.contentType) && !this.#pictureUrl) this.#showPicture(file.preview);
    this.#details?.showFacts(file);
    this.#show(LISTED_STATES[file.uploadStatus] ?? "failed", listedSentence(file), listedActions(file));
    if (this.#bar) this.#bar.hidden = true;
  }

  /** Shows a sentence instead of the file's state. @param {string} sentence */
  note(sentence) {
    setText(this.#status, sentence);
  }

  /** What happened, with every request; it is built when it is looked at: a thousand files have thousands of requests. */
  toggleDetails() {
    this.#details?.element.remove();
    if (this.#details) return void (this.#details = null);
    this.#details = new Details(this.#records, this.file);
    this.element.append(this.#details.element);
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
    if (this.#bar) this.#bar.value = state === "completed" ? 100 : percent(progress.reachedBytes, progress.totalBytes);
    const giveUp = /** @type {Action} */ (this.fileId ? "Discard" : "Remove");
    if (error?.code === "FILE_MISMATCH") return this.#show(state, uploadSentence(upload), ["Choose again", giveUp]);
    const ways = error?.retryable ? /** @type {Action[]} */ (["Retry", giveUp]) : [giveUp];
    this.#show(state, uploadSentence(upload), state === "failed" ? ways : (ACTIONS[state] ?? ["Cancel"]));
  }

  /** @param {UploadState} state @param {string} sentence @param {Action[]} actions  the first gets a button of its own */
  #show(state, sentence, actions) {
    this.element.dataset.state = state;
    setText(this.#status, sentence);
    if (this.#bar) this.#bar.hidden = ["completed", "failed", "cancelled"].includes(state);
    const [before] = this.#actions;
    this.#actions = actions;
    if (before === actions[0]) return;
    const hadFocus = this.#place.contains(document.activeElement);
    const button = actions[0] && this.#button(actions[0]);
    this.#place.replaceChildren(...(button ? [button] : []));
    if (hadFocus) (button ?? this.#more).focus();
  }

  /** @param {Action} action */
  #button(action) {
    const label = `${action}: ${this.name}`;
    if (action === "Download") return element("a", { class: "button", "aria-label": label, download: "", href: this.file?.permalink }, action);
    return element("button", { type: "button", "aria-label": label, onclick: () => this.#onAction(action, this) }, action);
  }

  /** @param {string} url */
  #showPicture(url) {
    this.#forgetPicture();
    this.#pictureUrl = url;
    const picture = element("img", { alt: "", loading: "lazy", decoding: "async", src: url });
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
function listedSentence({ uploadStatus, fileSize, created, failureReason, isPublic }) {
  const size = bytesText(fileSize);
  const sentences = {
    COMPLETED: `${size} · ${dateText(created)}${isPublic ? " · Public" : ""}`,
    PENDING: `Not finished: choose the same file again. ${size}`,
    VERIFYING: `The server is checking it. ${size}`,
    FAILED: `Refused. ${failureReason ?? "The stored bytes were not what was declared."}`,
    EXPIRED: "Expired before it was finished.",
    ABORTED: "Cancelled.",
  };
  return sentences[uploadStatus];
}

/** @param {ListedFile} file @returns {Action[]} */
function listedActions({ uploadStatus, viewerCanDelete, viewerCanUpdate, permalink, isPublic }) {
  if (uploadStatus === "PENDING") return ["Choose again", "Discard"];
  if (uploadStatus === "VERIFYING") return [];
  if (uploadStatus !== "COMPLETED") return viewerCanDelete ? ["Discard"] : [];
  const possible = {
    Download: permalink,
    "Copy link": permalink,
    "Make public": viewerCanUpdate && !isPublic && "canPublish" in document.body.dataset,
    "Make private": viewerCanUpdate && isPublic,
    Delete: viewerCanDelete,
  };
  return /** @type {(keyof typeof possible)[]} */ (Object.keys(possible)).filter((action) => possible[action]);
}
