/** @import {RemoteFile, RequestRecord, Ticket, UploadHandle, UploadState, UploadTarget} from "./types.js" */
/** @import {Engine} from "./sender.js" */
import { UploadError } from "./errors.js";
import { Sender } from "./sender.js";

/** @type {UploadState[]} */
const ENDED = ["completed", "failed", "cancelled"];

const Target = /** @type {new () => UploadTarget & Pick<EventTarget, "dispatchEvent">} */ (/** @type {unknown} */ (EventTarget));

/** One file on its way, with what only the engine may do. @implements {UploadHandle} */
export class Upload extends Target {
  #engine;
  #stopped = new AbortController();
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
  /** Undefined before it is known; null: none is wanted. @type {string | null | undefined} */
  checksum;
  /** @type {Promise<void>} */
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

  get ended() {
    return ENDED.includes(this.#phase);
  }

  get progress() {
    return this.sender.meter.progress;
  }

  /** Aborts with the error that stops it. */
  get signal() {
    return this.#stopped.signal;
  }

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

  async cancel() {
    if (this.ended) return;
    this.stop(new UploadError({ code: "CANCELLED", message: "Cancelled." }));
    await this.#abandon();
  }

  /** Stops at once; the server is not told. @param {unknown} reason */
  stop(reason) {
    this.fail(reason);
    this.#stopped.abort(reason);
    this.#open();
  }

  /** @param {UploadState} state */
  enter(state) {
    if (this.ended || state === this.#phase) return;
    this.#phase = state;
    this.changed();
  }

  /** Ends it with that error, unless it has ended. @param {unknown} cause */
  fail(cause) {
    this.error ??= UploadError.from(cause);
    this.enter(this.error.code === "CANCELLED" ? "cancelled" : "failed");
  }

  /** @type {(record: RequestRecord) => void} */
  log = (record) => void this.dispatchEvent(new CustomEvent("debug", { detail: record }));

  changed() {
    this.sender.meter.update(performance.now());
    this.dispatchEvent(new Event("change"));
  }

  /** Bytes have moved, or time has passed without. Returns true where that is told. */
  moved() {
    const isDue = this.sender.meter.isDue(performance.now());
    if (isDue) this.changed();
    return isDue;
  }

  /** Takes over what the server reserved. @param {Partial<Ticket>} reserved */
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
    const { uploadToken, log } = this;
    if (!uploadToken) return;
    const leave = await this.#engine.farewells.take();
    await this.#engine.api.call("abortUpload", { uploadToken }, { log }).catch(() => {});
    leave();
  }
}
