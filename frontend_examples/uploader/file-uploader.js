/** @import {FileUploaderOptions, Payload, RemoteFile, Ticket, Unfinished, UploadHandle, UploadOptions, UploadResult} from "./types.js" */
/** @import {Engine} from "./sender.js" */
/** @import {Call} from "./tickets.js" */
import { createApi, fetchRequest, metadataOf, reservationOf } from "./api.js";
import { UploadError } from "./errors.js";
import { keyOf, Memory } from "./memory.js";
import { overall } from "./progress.js";
import { Places, placesByHost } from "./queue.js";
import { settle } from "./retry.js";
import { transfer } from "./sender.js";
import { ticketOf } from "./tickets.js";
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
  /** @type {Engine} */ #engine;
  /** Since nothing was on its way. @type {Set<Upload>} */ #uploads = new Set();

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
   * @param {Iterable<File>} files @param {UploadOptions} [options] @returns {Promise<UploadResult[]>}
   */
  async uploadFiles(files, options = {}) {
    const { signal, onUpload } = options;
    signal?.throwIfAborted();
    const running = this.#running();
    const uploads = this.#uploadsOf([...files], options, running);
    if (!running.length) this.#uploads.clear();
    const fresh = [...new Set(uploads)].filter((upload) => !this.#uploads.has(upload));
    fresh.forEach((upload) => this.#uploads.add(upload));
    signal?.addEventListener("abort", () => uploads.forEach((upload) => upload.cancel()));
    const outcomes = uploads.map((upload, index) => {
      try {
        onUpload?.(upload, index);
        return upload;
      } catch (cause) {
        // What another call began goes on for that one.
        const failed = fresh.includes(upload) ? upload : new Upload(upload.file, this.#engine, options);
        failed.stop(cause);
        return failed;
      }
    });
    /** @type {Call} */ const call = { uploads: fresh };
    for (const upload of fresh) upload.settled = this.#process(upload, call);
    await Promise.all(uploads.map(({ settled }) => settled));
    if (call.refusal && uploads.every(({ remoteFile }) => !remoteFile)) throw call.refusal;
    return outcomes.map(({ state, remoteFile, error }) => /** @type {UploadResult} */ ({ status: state, file: error ? null : remoteFile, error }));
  }

  /**
   * Reserves the uploads: one ticket per file, in order, each with instructions or errors. Throws when all are refused
   * as a whole. Safe to repeat by itself, not by calling it again.
   * @param {File[]} files @param {UploadOptions} [options] @returns {Promise<Payload>}
   */
  async initiateUpload(files, options = {}) {
    const uploads = files.map((file) => ({ file, metadata: metadataOf(file, options) }));
    return this.#engine.call("initiateUpload", reservationOf(uploads, options), options);
  }

  /**
   * Sends the bytes of one file as its ticket says, until nothing is missing. Throws what was refused.
   * @param {File} file @param {Ticket} ticket @param {Pick<UploadOptions, "signal" | "onUpload">} [options]  onUpload: for its progress
   */
  async uploadFile(file, ticket, { signal, onUpload } = {}) {
    if (ticket.errors.length) throw new UploadError(ticket.errors[0]);
    const upload = new Upload(file, this.#engine, {});
    upload.adopt(ticket);
    try {
      onUpload?.(upload, 0);
      await settle(signal, (done, _, fail) => transfer(upload, ticket.instructions, false).then(done, fail));
    } catch (cause) {
      upload.stop(cause);
      throw signal?.aborted ? cause : upload.error;
    } finally {
      upload.rest();
      upload.changed();
    }
  }

  /**
   * Has the upload verified and published. Throws when it is refused; `instructions` in the answer tell what is missing.
   * @param {string} uploadToken @param {{size: number}} file
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
      if (!unfinished.isStored || this.#running().some((upload) => upload.key === key)) continue;
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

  #running() {
    return [...this.#uploads].filter(({ ended }) => !ended);
  }

  /**
   * One for each file, on its way or new. Of equal files of one choice each has another, if possible that of the very file.
   * @param {File[]} files @param {UploadOptions} options @param {Upload[]} running
   */
  #uploadsOf(files, options, running) {
    const { resumeFileId } = options;
    const chosen = new Set(files);
    /** @type {Map<File, Upload>} */ const own = new Map();
    const taken = running.map(({ fileId }) => fileId);
    /** @type {Record<string, Upload[]>} */ const equal = {};
    for (const upload of running) {
      if (resumeFileId && upload.fileId !== resumeFileId) continue;
      if (chosen.has(upload.file) && upload.key === keyOf(upload.file, options)) own.set(upload.file, upload);
      else (equal[upload.key] ??= []).push(upload);
    }
    return files.map((file) => {
      let upload = own.get(file) ?? equal[keyOf(file, options)]?.shift();
      if (!upload) {
        upload = new Upload(file, this.#engine, options);
        upload.known = resumeFileId ? { fileId: resumeFileId } : this.#engine.memory.find(upload.key).find(({ fileId }) => !taken.includes(fileId));
        taken.push(upload.fileId);
      }
      own.set(file, upload);
      return upload;
    });
  }

  /** @param {Upload} upload @param {Call} call */
  async #process(upload, call) {
    try {
      upload.metadata = metadataOf(upload.file, upload.options);
      const { instructions } = await ticketOf(upload, call);
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
