/** @import {RequestRecord, Ticket, Unfinished, UploadErrorFacts, UploadOptions} from "./types.js" */
/** @import {Engine} from "./sender.js" */
/** @import {Memory} from "./memory.js" */
/** @import {Upload} from "./upload.js" */
import { UploadError } from "./errors.js";
import { keyOf } from "./memory.js";

const FILES_PER_REQUEST = 50;
/** @type {UploadErrorFacts} */
const OTHER_FILE = { code: "FILE_MISMATCH", message: "This is another file: its size differs." };
/** @type {UploadErrorFacts} */
const BATCH_REFUSED = { code: "BATCH_REFUSED", message: "Another file of the batch was refused." };

/** Gets each upload of one call what it needs before it can be sent: its own from before, or a new ticket. */
export class Tickets {
  #options;
  #engine;
  #memory;
  /** Those to reserve. @type {Set<Upload>} */
  #unreserved = new Set();
  /** Those to go on with. @type {Map<Upload, Partial<Unfinished>>} */
  #known = new Map();
  /** @type {Map<Upload, Promise<Ticket>>} */
  #tickets = new Map();
  /** Why the first request as a whole was refused. @type {unknown} */
  refusal;

  /** @param {Iterable<Upload>} uploads  of one call @param {UploadOptions} options @param {Engine} engine @param {Memory} memory */
  constructor(uploads, options, engine, memory) {
    this.#options = options;
    this.#engine = engine;
    this.#memory = memory;
    const { resumeFileId: fileId } = options;
    for (const upload of uploads) {
      const known = fileId ? { fileId } : memory.find(keyOf(upload.file, options));
      if (known) this.#known.set(upload, known);
      else this.#unreserved.add(upload);
    }
  }

  /** What needs no place among the files that are sent: no other tab sends it, and its checksum is known. @param {Upload} upload */
  async prepare(upload) {
    const known = this.#known.get(upload);
    if (known) await hold(upload, known.fileId);
    else if (this.#lacksChecksum(upload)) await this.#hash(upload);
  }

  /** Goes on with an unfinished upload, else reserves, together with the files that come next. @param {Upload} upload @returns {Promise<Ticket>} */
  async take(upload) {
    const known = this.#known.get(upload);
    const ticket = this.#tickets.get(upload) ?? (known && (await this.#recall(upload, known)));
    if (ticket) return ticket;
    this.#unreserved.delete(upload);
    if (this.#lacksChecksum(upload)) await this.#hash(upload);
    upload.enter("starting");
    const { filesPerRequest = FILES_PER_REQUEST } = this.#options;
    const next = [...this.#unreserved].filter((each) => !each.ended && !this.#lacksChecksum(each));
    const batch = [upload, ...next].slice(0, filesPerRequest);
    const reserved = this.#reserve(batch);
    batch.forEach((each, index) => {
      const its = reserved.then((tickets) => tickets[index]);
      // It is told when its turn comes.
      its.catch(() => {});
      this.#unreserved.delete(each);
      this.#tickets.set(each, its);
    });
    return (await reserved)[0];
  }

  /** @param {Upload} upload @param {boolean} [isStored] */
  remember({ file, uploadToken, remoteFile, ended }, isStored = false) {
    const options = this.#options;
    if (!uploadToken || !remoteFile || ended) return;
    const { id: fileId, expiresAt } = remoteFile;
    const { fileManagerId, groupId } = options;
    this.#memory.keep(keyOf(file, options), { fileId, filename: file.name, fileSize: file.size, fileManagerId, groupId, uploadToken, expiresAt, isStored });
  }

  /** @param {Upload} upload */
  #lacksChecksum(upload) {
    return upload.checksum === undefined && this.#options.checksum !== undefined;
  }

  /** @param {Upload} upload */
  async #hash(upload) {
    const checksum = /** @type {NonNullable<UploadOptions["checksum"]>} */ (this.#options.checksum);
    const leave = await this.#engine.hashes.take(upload.signal);
    try {
      upload.enter("hashing");
      const onProgress = (/** @type {number} */ bytes) => {
        upload.sender.meter.hashedBytes = bytes;
        upload.moved();
      };
      const { checksumOf } = await import("./checksum.js");
      upload.checksum = (await checksumOf(upload.file, checksum, { ...this.#engine, signal: upload.signal, onProgress })) ?? null;
      upload.enter("queued");
    } finally {
      leave();
    }
  }

  /** @param {Upload} upload @param {Partial<Unfinished>} known @returns {Promise<Ticket | null>} */
  async #recall(upload, { uploadToken, fileId }) {
    upload.enter("starting");
    try {
      const reply = await this.#engine.api.call("refreshUpload", uploadToken ? { uploadToken } : { fileId }, upload);
      if (reply.file && reply.file.fileSize !== upload.file.size) throw new UploadError(OTHER_FILE);
      upload.adopt({ ...reply, uploadToken: reply.uploadToken ?? uploadToken });
      this.remember(upload);
      return reply;
    } catch (cause) {
      if (!uploadToken || UploadError.from(cause).retryable) throw cause;
      return null;
    }
  }

  /** @param {Upload[]} batch @returns {Promise<Ticket[]>} */
  async #reserve(batch) {
    try {
      const log = (/** @type {RequestRecord} */ record) => batch.forEach((upload, index) => upload.log(sliceOf(record, index)));
      const { files = [] } = await this.#engine.api.initiate(batch, this.#options, { log });
      batch.forEach((upload, index) => this.#adopt(upload, files[index] ?? {}));
      return files;
    } catch (cause) {
      this.refusal ??= cause;
      batch.forEach((upload) => upload.fail(cause));
      throw cause;
    }
  }

  /** @param {Upload} upload @param {Partial<Ticket>} ticket */
  #adopt(upload, ticket) {
    if (ticket.uploadToken || ticket.file?.uploadStatus === "COMPLETED") upload.adopt(ticket);
    else upload.fail(new UploadError(ticket.errors?.[0] ?? BATCH_REFUSED));
    this.remember(upload);
    void hold(upload, ticket.file?.id);
  }
}

/**
 * Resolves once no other tab sends that file; until the upload has ended, no other tab does. Pages that are not served
 * securely have no locks, and there both send it.
 * @param {Upload} upload @param {string} [fileId]
 */
function hold(upload, fileId) {
  const { locks } = globalThis.navigator ?? {};
  return new Promise((go) => {
    if (!locks || !fileId) return go(undefined);
    const held = () => (go(undefined), upload.settled);
    // Aborted: whoever waits hears it from the signal itself.
    locks.request(`fileman:${fileId}`, { signal: upload.signal }, held).catch(go);
  });
}

/** What a record of initiateUpload says of one of its files. @param {RequestRecord} record @param {number} index @returns {RequestRecord} */
function sliceOf({ input, reply, ...record }, index) {
  const part = (/** @type {any} */ whole) => whole && { ...whole, files: whole.files?.slice(index, index + 1) };
  return { ...record, input: part(input), reply: part(reply) };
}
