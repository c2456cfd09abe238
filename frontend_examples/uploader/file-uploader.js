/** @import {FileUploaderOptions, UploadErrorFacts, UploadOptions, UploadResult, UploadTicket} from "./types.js" */
import { Api, fetchRequest } from "./api.js";
import { checksumOf } from "./checksum.js";
import { UploadError } from "./errors.js";
import { Memory } from "./memory.js";
import { inParallel } from "./retry.js";
import { sendRequest } from "./transport.js";
import { Upload } from "./upload.js";

/** A ticket, or the answer of refresh. @typedef {Partial<Pick<UploadTicket, "file" | "uploadToken" | "instructions" | "errors">>} Reserved */

export { fetchRequest } from "./api.js";
export { UploadError } from "./errors.js";
export { sendRequest } from "./transport.js";
export { Upload } from "./upload.js";

const FILES_PER_REQUEST = 50;
/** Also the batch when checksums are asked for: no file waits for the hashes of fifty others. */
const FILES_AT_ONCE = 3;

/**
 * Uploads files straight to the storage that the server names, whatever its kind.
 *
 *     const results = await new FileUploader(csrfToken).uploadFiles(input.files);
 */
export class FileUploader {
  #api;
  #send;
  #memory;
  /** Two uploads of one file must not go on from the same remembered token. @type {Set<string>} */
  #tokensInUse = new Set();

  /** @param {string | FileUploaderOptions} options  a CSRF token alone is enough */
  constructor(options = {}) {
    const settings = typeof options === "string" ? { csrfToken: options } : options;
    this.#api = new Api(settings.request ?? fetchRequest(settings));
    this.#send = settings.send ?? sendRequest;
    this.#memory = new Memory(settings.storage);
  }

  /**
   * Uploads all of them, at most three at once. Resolves with one `{file, error}` per input, in the order of the input:
   * one failure hides no other. Rejects only when the server refused to start any (not signed in, no file manager).
   * A file that was left unfinished before is gone on with.
   * @param {Iterable<File>} files
   * @param {UploadOptions} [options]
   * @returns {Promise<UploadResult[]>}
   */
  async uploadFiles(files, options = {}) {
    const uploads = Array.from(files, (file) => this.#open(file));
    uploads.forEach((upload, index) => options.onUpload?.(upload, index));
    const step = options.checksum ? FILES_AT_ONCE : (options.filesPerRequest ?? FILES_PER_REQUEST);
    /** @type {unknown} */
    let refusal;
    for (let start = 0; start < uploads.length; start += step) {
      await this.#uploadBatch(uploads.slice(start, start + step), options).catch((cause) => (refusal ??= cause));
    }
    if (refusal && uploads.every(({ remoteFile }) => !remoteFile)) throw refusal;
    return uploads.map(({ remoteFile, error }) => ({ file: error ? null : remoteFile, error }));
  }

  /**
   * Reserves the uploads: one ticket per file, in order, each with instructions or errors. Throws when all are refused
   * as a whole. Safe to repeat by itself, not by calling it again.
   * @param {File[]} files
   * @param {UploadOptions & {checksums?: (string | undefined)[]}} [options]
   * @param {{log?: Upload["log"]}} [observer]
   */
  initiateUpload(files, { fileManagerId, groupId, metadata, atomic, isPublic, checksums } = {}, observer) {
    const input = {
      files: files.map((file, index) => ({
        filename: file.name,
        contentType: file.type,
        size: file.size,
        checksum: checksums?.[index],
        isPublic,
      })),
      fileManagerId,
      groupId,
      metadata,
      atomic,
      idempotencyKey: randomKey(),
    };
    return this.#api.call("initiateUpload", input, observer);
  }

  /** Sends the bytes of one file as its ticket says, until nothing is missing. Throws what was refused. @param {File} file @param {UploadTicket} ticket */
  async uploadFile(file, ticket) {
    if (ticket.errors.length) throw new UploadError(ticket.errors[0]);
    const upload = this.#open(file);
    upload.adopt(ticket);
    if (ticket.instructions) await upload.send(ticket.instructions);
  }

  /**
   * Has the upload verified and published. Throws when it is refused; `instructions` in the answer tell what is missing.
   * @param {string} uploadToken
   * @param {File} file
   * @param {{checksum?: string, metadata?: Record<string, unknown>}} [facts]
   */
  finalizeUpload(uploadToken, file, facts) {
    return this.#api.call("finalizeUpload", { uploadToken, fileSize: file.size, ...facts });
  }

  /** @param {File} file */
  #open(file) {
    return new Upload(this.#api, file, this.#send);
  }

  /** @param {Upload[]} uploads @param {UploadOptions} options */
  async #uploadBatch(uploads, options) {
    /** @type {Map<Upload, Reserved>} */
    const tickets = new Map();
    await inParallel(uploads, FILES_AT_ONCE, async (upload) => {
      try {
        const ticket = await this.#prepare(upload, options);
        if (ticket) tickets.set(upload, ticket);
      } catch (cause) {
        upload.fail(cause);
      }
    });
    const fresh = uploads.filter((upload) => !upload.ended && !tickets.has(upload));
    const initiated = this.#initiate(fresh, options, tickets);
    await initiated.catch((cause) => fresh.forEach((upload) => upload.fail(cause)));
    await inParallel([...tickets], FILES_AT_ONCE, ([upload, ticket]) => this.#finish(upload, ticket, options));
    await initiated;
  }

  /** Goes on with an unfinished upload, else hashes. @param {Upload} upload @param {UploadOptions} options @returns {Promise<Reserved | null>} */
  async #prepare(upload, options) {
    const { file, signal } = upload;
    if (options.resumeFileId) return this.#refresh(upload, { fileId: options.resumeFileId });
    const uploadToken = this.#memory.find(file, options);
    if (uploadToken && !this.#tokensInUse.has(uploadToken)) {
      this.#tokensInUse.add(uploadToken);
      try {
        return await this.#refresh(upload, { uploadToken });
      } catch (cause) {
        this.#tokensInUse.delete(uploadToken);
        if (UploadError.from(cause).retryable) throw cause;
      }
    }
    if (options.checksum) {
      upload.enter("hashing");
      upload.checksum = await checksumOf(file, options.checksum, signal);
    }
    return null;
  }

  /** @param {Upload} upload @param {{uploadToken?: string, fileId?: string}} input @returns {Promise<Reserved>} */
  async #refresh(upload, input) {
    upload.enter("starting");
    const reply = await this.#api.call("refreshUpload", input, upload);
    if (reply.file && reply.file.fileSize !== upload.file.size) throw new UploadError(OTHER_FILE);
    return { ...reply, uploadToken: reply.uploadToken ?? input.uploadToken };
  }

  /** @param {Upload[]} uploads @param {UploadOptions} options @param {Map<Upload, Reserved>} tickets */
  async #initiate(uploads, options, tickets) {
    if (!uploads.length) return;
    uploads.forEach((upload) => upload.enter("starting"));
    const checksums = uploads.map(({ checksum }) => checksum);
    /** @type {Upload["log"]} */
    const log = (record) => uploads.forEach((upload) => upload.log(record));
    const { files } = await this.initiateUpload(uploads.map(({ file }) => file), { ...options, checksums }, { log });
    uploads.forEach((upload, index) => tickets.set(upload, files?.[index] ?? {}));
  }

  /** @param {Upload} upload @param {Reserved} ticket @param {UploadOptions} options */
  async #finish(upload, ticket, options) {
    const { uploadToken, file } = ticket;
    try {
      if (!uploadToken && file?.uploadStatus !== "COMPLETED") throw new UploadError(ticket.errors?.[0] ?? BATCH_REFUSED);
      upload.adopt(ticket);
      if (uploadToken) {
        this.#tokensInUse.add(uploadToken);
        this.#memory.keep(upload.file, options, uploadToken);
      }
      await upload.run(ticket.instructions);
    } catch (cause) {
      upload.fail(cause);
    } finally {
      // A failed one stays: what ended it may pass, as a session that ended; else the server says so and it starts anew.
      if (upload.state !== "failed") this.#memory.forget(upload.file, options, uploadToken);
      this.#tokensInUse.delete(uploadToken ?? "");
    }
  }
}

/** @type {UploadErrorFacts} */
const OTHER_FILE = { code: "FILE_MISMATCH", message: "This is another file: its size differs." };
/** @type {UploadErrorFacts} */
const BATCH_REFUSED = { code: "BATCH_REFUSED", message: "Another file of the batch was refused." };

/** 128 random bits; randomUUID is missing where a page is not served securely. */
function randomKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
