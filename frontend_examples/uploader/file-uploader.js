/** @import {FileUploaderOptions, Payload, RemoteFile, Ticket, Unfinished, UploadHandle, UploadOptions, UploadResult} from "./types.js" */
/** @import {Engine} from "./sender.js" */
import { createApi, fetchRequest, reservationOf } from "./api.js";
import { UploadError } from "./errors.js";
import { keyOf, Memory } from "./memory.js";
import { overall } from "./progress.js";
import { Places, placesByHost } from "./queue.js";
import { settle } from "./retry.js";
import { transfer } from "./sender.js";
import { Tickets } from "./tickets.js";
import { sendRequest } from "./transport.js";
import { Upload } from "./upload.js";

export { fetchRequest } from "./api.js";
export { UploadError } from "./errors.js";
export { sendRequest } from "./transport.js";

/** Browsers open six connections to a host with HTTP/1.1: the API, where it is the same host, needs some of them. */
const REQUESTS_PER_HOST = 4;
const FILES_AT_ONCE = 3;

/**
 * Uploads files straight to the storage that the server names, whatever its kind.
 *
 *     const results = await new FileUploader(csrfToken).uploadFiles(input.files);
 */
export class FileUploader {
  /** @type {Engine} */
  #engine;
  /** The latest of `uploads`, by local file and target. @type {Map<string, Upload>} */
  #running = new Map();
  /** Since nothing was on its way. @type {Set<Upload>} */
  #uploads = new Set();

  /** @param {string | FileUploaderOptions} options  a CSRF token alone is enough */
  constructor(options = {}) {
    const settings = typeof options === "string" ? { csrfToken: options } : options;
    const { request = fetchRequest(settings), send = sendRequest, storage, filesAtOnce = FILES_AT_ONCE } = settings;
    const { requestsPerHost = REQUESTS_PER_HOST, patienceSeconds = 300, createWorker } = settings;
    this.#engine = {
      call: createApi(request),
      memory: new Memory(storage),
      send,
      files: new Places(filesAtOnce),
      hashes: new Places(FILES_AT_ONCE),
      farewells: new Places(REQUESTS_PER_HOST),
      placesOf: placesByHost(requestsPerHost),
      patienceSeconds,
      createWorker,
    };
  }

  /** All files together since nothing was on its way: never goes backwards. */
  get progress() {
    return overall(this.#uploads);
  }

  /** The uploads behind `progress`. @returns {UploadHandle[]} */
  get uploads() {
    return [...this.#uploads];
  }

  pauseAll() {
    this.#uploads.forEach((upload) => upload.pause());
  }

  resumeAll() {
    this.#uploads.forEach((upload) => upload.resume());
  }

  /** Stops all at once and tells the server, a few at a time. */
  async cancelAll() {
    await Promise.all(this.uploads.map((upload) => upload.cancel()));
  }

  /**
   * Uploads all of them, in one queue with those of other calls. Resolves with one result per input, in the order of the
   * input: one failure hides no other. Rejects only when the server refused to start any (not signed in, no file manager).
   * A file that was left unfinished before is gone on with; one that is on its way already is not sent twice.
   * @param {Iterable<File>} files
   * @param {UploadOptions} [options]
   * @returns {Promise<UploadResult[]>}
   */
  async uploadFiles(files, options = {}) {
    const { signal, onUpload } = options;
    signal?.throwIfAborted();
    /** @type {Map<File, Upload>} */
    const fresh = new Map();
    const uploads = [...files].map((file) => {
      let upload = fresh.get(file) ?? this.#find(file, options);
      if (!upload) fresh.set(file, (upload = new Upload(file, this.#engine, options)));
      return upload;
    });
    if (this.uploads.every(({ ended }) => ended)) {
      this.#uploads.clear();
      this.#running.clear();
    }
    fresh.forEach((upload) => this.#uploads.add(upload));
    signal?.addEventListener("abort", () => uploads.forEach((upload) => upload.cancel()));
    uploads.forEach((upload, index) => onUpload?.(upload, index));
    const tickets = new Tickets([...fresh.values()], options);
    for (const upload of fresh.values()) upload.settled = this.#process(upload, tickets);
    await Promise.all(uploads.map(({ settled }) => settled));
    if (tickets.refusal && uploads.every(({ remoteFile }) => !remoteFile)) throw tickets.refusal;
    return uploads.map(({ state, remoteFile, error }) => /** @type {UploadResult} */ ({ status: state, file: error ? null : remoteFile, error }));
  }

  /**
   * Reserves the uploads: one ticket per file, in order, each with instructions or errors. Throws when all are refused
   * as a whole. Safe to repeat by itself, not by calling it again.
   * @param {File[]} files
   * @param {UploadOptions} [options]
   * @returns {Promise<Payload>}
   */
  initiateUpload(files, options = {}) {
    return this.#engine.call("initiateUpload", reservationOf(files.map((file) => ({ file })), options), options);
  }

  /**
   * Sends the bytes of one file as its ticket says, until nothing is missing. Throws what was refused.
   * @param {File} file @param {Ticket} ticket @param {Pick<UploadOptions, "signal" | "onUpload">} [options]  onUpload: for its progress
   */
  async uploadFile(file, ticket, { signal, onUpload } = {}) {
    if (ticket.errors.length) throw new UploadError(ticket.errors[0]);
    const upload = new Upload(file, this.#engine, {});
    upload.adopt(ticket);
    onUpload?.(upload, 0);
    try {
      await settle(signal, (done, _, fail) => transfer(upload, ticket.instructions, false).then(done, fail));
    } catch (cause) {
      upload.stop(cause);
      throw cause;
    } finally {
      upload.rest();
      upload.changed();
    }
  }

  /**
   * Has the upload verified and published. Throws when it is refused; `instructions` in the answer tell what is missing.
   * @param {string} uploadToken
   * @param {{size: number}} file
   * @param {{checksum?: string, metadata?: Record<string, unknown>, signal?: AbortSignal}} [facts]
   */
  finalizeUpload(uploadToken, file, { signal, ...facts } = {}) {
    return this.#engine.call("finalizeUpload", { uploadToken, fileSize: file.size, ...facts }, { signal });
  }

  /** What this browser may go on with when the same file is chosen again. @returns {Unfinished[]} */
  unfinished() {
    return this.#engine.memory.list().map(([, unfinished]) => unfinished);
  }

  /**
   * Finishes those whose bytes are all stored, which needs no file. Resolves with what is completed now.
   * @param {Pick<UploadOptions, "signal">} [options] @returns {Promise<RemoteFile[]>}
   */
  async finishStored({ signal } = {}) {
    const completed = [];
    const { memory } = this.#engine;
    for (const [key, unfinished] of memory.list()) {
      if (!unfinished.isStored || this.#running.get(key)?.ended === false) continue;
      const { uploadToken, fileSize } = unfinished;
      try {
        const { file, instructions } = await this.finalizeUpload(uploadToken, { size: fileSize }, { signal });
        if (file && !instructions) completed.push(file);
        if (instructions) memory.keep(key, { ...unfinished, isStored: false });
        else memory.forget(key, uploadToken);
      } catch {
        // It stays unfinished, as it was.
      }
    }
    return completed;
  }

  /** For sign-out: the next user of this browser learns nothing of unfinished uploads. */
  forgetUnfinished() {
    this.#engine.memory.clear();
  }

  /** The upload of the same file that is on its way. @param {File} file @param {UploadOptions} options */
  #find(file, options) {
    const upload = this.#running.get(keyOf(file, options));
    const isAnother = options.resumeFileId && upload?.remoteFile?.id !== options.resumeFileId;
    return upload?.ended || isAnother ? undefined : upload;
  }

  /** @param {Upload} upload @param {Tickets} tickets */
  async #process(upload, tickets) {
    this.#running.set(upload.key, upload);
    try {
      const { instructions } = await tickets.take(upload);
      if (upload.remoteFile?.uploadStatus === "COMPLETED") upload.enter("completed", true);
      if (!upload.ended) await transfer(upload, instructions, true);
    } catch (cause) {
      upload.fail(cause);
    } finally {
      upload.rest();
      // A failed one stays: what ended it may pass, as a session that ended; else the server says so and it starts anew.
      if (upload.state !== "failed") this.#engine.memory.forget(upload.key, upload.uploadToken);
    }
  }
}
