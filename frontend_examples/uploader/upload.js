/** @import {RemoteFile, RequestRecord, Ticket, Unfinished, UploadHandle, UploadOptions, UploadState, UploadTarget} from "./types.js" */
/** @import {Engine} from "./sender.js" */
import { UploadError } from "./errors.js";
import { keyOf } from "./memory.js";
import { Meter } from "./progress.js";
import { settle } from "./retry.js";

/** One file on its way, with what only the engine may do. @implements {UploadHandle} */
export class Upload extends /** @type {new () => UploadTarget & Pick<EventTarget, "dispatchEvent">} */ (/** @type {unknown} */ (EventTarget)) {
  #stopped = new AbortController();
  /** Aborts with the error that stops it. */ signal = this.#stopped.signal;
  /** @type {UploadState} */ #phase = "queued";
  /** Among the files that are sent: resolves with what gives it back. @type {Promise<() => void> | null} */
  #place = null;
  isPaused = false;
  ended = false;
  /** Bytes went out, so that the storage can be reached. */ hasFlowed = false;
  /** Secret of the unfinished upload, once there is one. @type {string | null} */ uploadToken = null;
  /** @type {RemoteFile | null} */ remoteFile = null;
  /** @type {UploadError | null} */ error = null;
  /** Null before it is known; undefined: none is wanted. @type {string | null | undefined} */ checksum;
  /** Of this file alone. @type {Record<string, unknown> | undefined} */ metadata;
  /** The unfinished upload to go on with. @type {Partial<Unfinished> | undefined} */ known;
  /** What the server answers to its reservation. @type {Promise<Ticket> | null} */ ticket = null;
  /** @type {Promise<void>} */ settled = Promise.resolve();

  /** @param {File} file @param {Engine} engine @param {UploadOptions} options  of the call that began it */
  constructor(file, engine, options) {
    super();
    this.file = file;
    this.engine = engine;
    this.options = options;
    if (options.checksum) this.checksum = null;
    this.key = keyOf(file, options);
    this.meter = new Meter(file.size);
  }

  /** @returns {UploadState} */
  get state() {
    return this.isPaused && !this.ended ? "paused" : this.#phase;
  }

  get progress() {
    return this.meter.progress;
  }

  /** Of the upload on the server, once it is known. */
  get fileId() {
    return this.remoteFile?.id ?? this.known?.fileId;
  }

  /** None where no byte ever went out: what has never worked may never work. */
  get patienceSeconds() {
    return this.hasFlowed ? this.engine.patienceSeconds : 0;
  }

  pause() {
    if (this.isPaused || this.ended || this.#phase === "verifying") return;
    this.isPaused = true;
    this.rest();
    this.changed();
  }

  resume() {
    this.isPaused = false;
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
  }

  /** @param {UploadState} state @param {boolean} [isLast]  it ends with that state */
  enter(state, isLast = false) {
    if (this.ended || state === this.#phase) return;
    this.#phase = state;
    this.ended = isLast;
    this.changed();
  }

  /** Ends it with that error, unless it has ended. @param {unknown} cause */
  fail(cause) {
    this.error ??= UploadError.from(cause, "CLIENT_ERROR");
    this.enter(this.error.code === "CANCELLED" ? "cancelled" : "failed", true);
  }

  /** @type {(record: RequestRecord) => void} */
  log = (record) => void this.dispatchEvent(new CustomEvent("debug", { detail: record }));

  changed() {
    this.meter.update(performance.now());
    this.dispatchEvent(new Event("change"));
  }

  /** Bytes have moved, or time has passed without: told at most ten times a second. */
  moved() {
    if (this.meter.isDue(performance.now())) this.changed();
  }

  /** Takes over what the server reserved. @param {Partial<Ticket>} reserved */
  adopt({ uploadToken, file }) {
    this.uploadToken = uploadToken ?? this.uploadToken;
    this.remoteFile = file ?? this.remoteFile;
    if (this.signal.aborted) void this.#abandon();
  }

  /** Keeps what a later page needs to go on with it. @param {boolean} [isStored] */
  remember(isStored = false) {
    const { file, key, uploadToken, remoteFile, ended, options, engine } = this;
    if (!uploadToken || !remoteFile || ended) return;
    const { fileManagerId, groupId } = options;
    const { id: fileId, expiresAt } = remoteFile;
    const { name: filename, size: fileSize } = file;
    engine.memory.keep(key, { fileId, filename, fileSize, fileManagerId, groupId, uploadToken, expiresAt, isStored });
  }

  /** Resolves once it is not paused and has a place among the files that are sent. */
  async turn() {
    const { signal, engine } = this;
    let place;
    do {
      while (this.isPaused) await settle(signal, (done, over) => this.addEventListener("change", done, over));
      place = this.#place ??= engine.files.take(signal);
      await place;
    } while (this.isPaused || place !== this.#place);
  }

  /** Gives the place back to other files. */
  rest() {
    this.#place?.then((leave) => leave(), () => {});
    this.#place = null;
  }

  /** What the server does not hear of lapses by itself at its deadline. */
  async #abandon() {
    const { uploadToken, engine, log } = this;
    if (uploadToken) await engine.farewells.run(() => engine.call("abortUpload", { uploadToken }, { log }).catch(() => {}));
  }
}
