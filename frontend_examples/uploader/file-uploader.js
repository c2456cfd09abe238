/** @import {FileUploaderOptions, Payload, RemoteFile, Ticket, Unfinished, UploadHandle, UploadOptions, UploadResult} from "./types.js" */
/** @import {Engine} from "./sender.js" */
import { Api, fetchRequest } from "./api.js";
import { UploadError } from "./errors.js";
import { keyOf, Memory } from "./memory.js";
import { overall } from "./progress.js";
import { Places, placesByHost } from "./queue.js";
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
  #api;
  #memory;
  /** @type {Engine} */
  #engine;
  /** Those of the running uploads, by local file and target. @type {Map<string, Upload>} */
  #running = new Map();
  /** Since nothing was on its way. @type {Set<Upload>} */
  #uploads = new Set();

  /** @param {string | FileUploaderOptions} options  a CSRF token alone is enough */
  constructor(options = {}) {
    const settings = typeof options === "string" ? { csrfToken: options } : options;
    const { request = fetchRequest(settings), send = sendRequest, storage, filesAtOnce = FILES_AT_ONCE, requestsPerHost = REQUESTS_PER_HOST } = settings;
    const { patienceSeconds = 300, createWorker } = settings;
    this.#api = new Api(request);
    this.#memory = new Memory(storage);
    this.#engine = {
      api: this.#api,
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
    options.signal?.throwIfAborted();
    /** @type {Map<File, Upload>} */
    const opened = new Map();
    const chosen = [...files];
    for (const file of chosen) opened.set(file, opened.get(file) ?? this.#find(file, options) ?? new Upload(file, this.#engine));
    const uploads = chosen.map((file) => /** @type {Upload} */ (opened.get(file)));
    if (this.uploads.every(({ ended }) => ended)) this.#uploads.clear();
    const fresh = new Set(uploads.filter((upload) => !this.#uploads.has(upload)));
    fresh.forEach((upload) => this.#uploads.add(upload));
    uploads.forEach((upload, index) => options.onUpload?.(upload, index));
    options.signal?.addEventListener("abort", () => uploads.forEach((upload) => upload.cancel()), { once: true });
    const tickets = new Tickets(fresh, options, this.#engine, this.#memory);
    for (const upload of fresh) upload.settled = this.#process(upload, options, tickets);
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
    return this.#api.initiate(files.map((file) => ({ file })), options, { signal: options.signal });
  }

  /**
   * Sends the bytes of one file as its ticket says, until nothing is missing. Throws what was refused.
   * @param {File} file @param {Ticket} ticket @param {Pick<UploadOptions, "signal" | "onUpload">} [options]  onUpload: for its progress
   */
  async uploadFile(file, ticket, { signal, onUpload } = {}) {
    if (ticket.errors.length) throw new UploadError(ticket.errors[0]);
    const upload = new Upload(file, this.#engine);
    const stop = () => upload.stop(signal?.reason);
    upload.adopt(ticket);
    onUpload?.(upload, 0);
    signal?.addEventListener("abort", stop);
    try {
      signal?.throwIfAborted();
      if (ticket.instructions) await upload.sender.send(ticket.instructions);
    } finally {
      upload.rest();
      upload.changed();
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Has the upload verified and published. Throws when it is refused; `instructions` in the answer tell what is missing.
   * @param {string} uploadToken
   * @param {{size: number}} file
   * @param {{checksum?: string, metadata?: Record<string, unknown>, signal?: AbortSignal}} [facts]
   */
  finalizeUpload(uploadToken, file, { signal, ...facts } = {}) {
    return this.#api.call("finalizeUpload", { uploadToken, fileSize: file.size, ...facts }, { signal });
  }

  /** What this browser may go on with when the same file is chosen again. @returns {Unfinished[]} */
  unfinished() {
    return this.#memory.list().map(([, unfinished]) => unfinished);
  }

  /**
   * Finishes those whose bytes are all stored, which needs no file. Resolves with what is completed now.
   * @param {Pick<UploadOptions, "signal">} [options] @returns {Promise<RemoteFile[]>}
   */
  async finishStored({ signal } = {}) {
    const completed = [];
    for (const [key, unfinished] of this.#memory.list()) {
      if (!unfinished.isStored || this.#running.has(key)) continue;
      try {
        const { file, instructions } = await this.finalizeUpload(unfinished.uploadToken, { size: unfinished.fileSize }, { signal });
        if (file && !instructions) completed.push(file);
        if (instructions) this.#memory.keep(key, { ...unfinished, isStored: false });
        else this.#memory.forget(key, unfinished.uploadToken);
      } catch {
        // It stays unfinished, as it was.
      }
    }
    return completed;
  }

  /** For sign-out: the next user of this browser learns nothing of unfinished uploads. */
  forgetUnfinished() {
    this.#memory.clear();
  }

  /** The upload of the same file that is on its way. @param {File} file @param {UploadOptions} options */
  #find(file, options) {
    const upload = this.#running.get(keyOf(file, options));
    const isAnother = options.resumeFileId && upload?.remoteFile?.id !== options.resumeFileId;
    return upload?.ended || isAnother ? undefined : upload;
  }

  /** @param {Upload} upload @param {UploadOptions} options @param {Tickets} tickets */
  async #process(upload, options, tickets) {
    const key = keyOf(upload.file, options);
    this.#running.set(key, upload);
    try {
      await tickets.prepare(upload);
      await upload.turn();
      const { instructions } = await tickets.take(upload);
      if (upload.ended) return;
      await upload.sender.run(instructions, () => tickets.remember(upload, true));
    } catch (cause) {
      upload.fail(cause);
    } finally {
      upload.rest();
      // A failed one stays: what ended it may pass, as a session that ended; else the server says so and it starts anew.
      if (upload.state !== "failed") this.#memory.forget(key, upload.uploadToken);
      if (this.#running.get(key) === upload) this.#running.delete(key);
    }
  }
}
