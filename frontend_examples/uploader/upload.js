/** @import {RemoteFile, RequestRecord, UploadState} from "./types.js" */
/** @import {Engine} from "./sender.js" */
import { UploadError } from "./errors.js";
import { Sender } from "./sender.js";

/** @type {UploadState[]} */
const ENDED = ["completed", "failed", "cancelled"];

/**
 * One file on its way. Fires `change` at every new state and, while it is uploading, at most ten times and at least once a
 * second; and `request` (a CustomEvent whose detail is a RequestRecord) after every request made for it.
 */
export class Upload extends EventTarget {
  #engine;
  #cancelled = new AbortController();
  /** @type {UploadState} */
  #phase = "queued";
  /** @type {Promise<void> | null} */
  #gate = null;
  #open = () => {};
  /** Gives the place among the files back. @type {(() => void) | null} */
  #leave = null;
  /** @type {Promise<void> | null} */
  #turning = null;
  /** Secret of the unfinished upload, once there is one. @type {string | null} */
  uploadToken = null;
  /** @type {RemoteFile | null} */
  remoteFile = null;
  /** @type {UploadError | null} */
  error = null;
  /** @type {string | undefined} */
  checksum;
  /** Resolves once it has ended. @type {Promise<void>} */
  settled = Promise.resolve();

  /** @param {File} file @param {Engine} engine */
  constructor(file, engine) {
    super();
    this.#engine = engine;
    this.file = file;
    this.sender = new Sender(this, engine);
  }

  /** @returns {UploadState} */
  get state() {
    return this.isPaused && !this.ended ? "paused" : this.#phase;
  }

  get isPaused() {
    return this.#gate !== null;
  }

  /** True once it is completed, failed or cancelled. */
  get ended() {
    return ENDED.includes(this.#phase);
  }

  /** The same object until it changes. */
  get progress() {
    return this.sender.meter.progress;
  }

  /** Aborts with the cancelling error. */
  get signal() {
    return this.#cancelled.signal;
  }

  /** Takes no further part; running ones finish, so that none is sent twice. What is one request only stops at once. */
  pause() {
    if (this.isPaused || this.ended || this.#phase === "verifying") return;
    this.#gate = new Promise((resolve) => (this.#open = resolve));
    this.sender.pause();
    this.rest();
    this.changed();
  }

  resume() {
    this.#gate = null;
    this.#open();
    this.changed();
  }

  /** Stops at once and tells the server. Resolves when the server has answered. */
  async cancel() {
    if (this.ended) return;
    const error = new UploadError({ code: "CANCELLED", message: "Cancelled." });
    this.fail(error);
    this.#cancelled.abort(error);
    this.#open();
    await this.#abandon();
  }

  /** @param {UploadState} state */
  enter(state) {
    if (this.ended || state === this.#phase) return;
    this.#phase = state;
    this.changed();
  }

  /** Ends it with that error, unless it has ended. @param {unknown} cause @returns {UploadError}  the error it ended with */
  fail(cause) {
    this.error ??= UploadError.from(cause);
    this.enter(this.error.code === "CANCELLED" ? "cancelled" : "failed");
    return this.error;
  }

  /** @type {(record: RequestRecord) => void} */
  log = (record) => void this.dispatchEvent(new CustomEvent("request", { detail: record }));

  changed() {
    this.sender.meter.update(performance.now());
    this.dispatchEvent(new Event("change"));
  }

  /** Takes over what the server reserved. @param {{uploadToken?: string | null, file?: RemoteFile | null}} reserved */
  adopt({ uploadToken, file }) {
    this.uploadToken = uploadToken ?? this.uploadToken;
    this.remoteFile = file ?? this.remoteFile;
    if (this.signal.aborted) void this.#abandon();
  }

  /** Resolves once it is not paused and has a place among the files that are sent. */
  turn() {
    return (this.#turning ??= this.#queueUp().finally(() => (this.#turning = null)));
  }

  /** Gives the place back to other files. */
  rest() {
    this.#leave?.();
    this.#leave = null;
  }

  async #queueUp() {
    while (!this.#leave || this.isPaused) {
      await this.#gate;
      this.#leave ??= await this.#engine.files.take(this.signal);
      if (this.isPaused || this.signal.aborted) this.rest();
      this.signal.throwIfAborted();
    }
  }

  /** What the server does not hear of lapses by itself at its deadline. */
  async #abandon() {
    if (!this.uploadToken) return;
    await this.#engine.api.call("abortUpload", { uploadToken: this.uploadToken }, { log: this.log }).catch(() => {});
  }
}
