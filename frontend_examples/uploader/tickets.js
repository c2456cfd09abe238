/** @import {Api} from "./api.js" */
/** @import {Memory} from "./memory.js" */
/** @import {Payload, RequestRecord, Ticket, UploadErrorFacts, UploadOptions} from "./types.js" */
/** @import {Upload} from "./upload.js" */
import { checksumOf } from "./checksum.js";
import { UploadError } from "./errors.js";
import { keyOf } from "./memory.js";

const FILES_PER_REQUEST = 50;
/** @type {UploadErrorFacts} */
const OTHER_FILE = { code: "FILE_MISMATCH", message: "This is another file: its size differs." };
/** @type {UploadErrorFacts} */
const BATCH_REFUSED = { code: "BATCH_REFUSED", message: "Another file of the batch was refused." };

/**
 * @typedef {object} Call
 * @property {UploadOptions} options
 * @property {Api} api
 * @property {Memory} memory
 * @property {(uploads: Upload[], log: (record: RequestRecord) => void) => Promise<Payload>} initiate
 */

/** Gets each upload of one call what it needs before it can be sent: its own from before, or a new ticket. */
export class Tickets {
  #unreserved;
  #call;
  /** @type {Map<Upload, Promise<Ticket>>} */
  #tickets = new Map();
  /** Why the first request as a whole was refused. @type {unknown} */
  refusal;

  /** @param {Iterable<Upload>} uploads @param {Call} call */
  constructor(uploads, call) {
    this.#unreserved = new Set(uploads);
    this.#call = call;
  }

  /** Goes on with an unfinished upload, else reserves, together with the files that come next. @param {Upload} upload @returns {Promise<Ticket>} */
  async take(upload) {
    this.#unreserved.delete(upload);
    const known = this.#tickets.get(upload) ?? (this.#isKnown(upload) && (await this.#recall(upload)));
    if (known) return known;
    const { checksum, filesPerRequest = FILES_PER_REQUEST } = this.#call.options;
    if (checksum) {
      upload.enter("hashing");
      upload.checksum = await checksumOf(upload.file, checksum, upload.signal);
    }
    upload.enter("starting");
    const next = [...this.#unreserved].filter((each) => !each.ended && !this.#isKnown(each));
    const batch = [upload, ...next].slice(0, checksum ? 1 : filesPerRequest);
    const reserved = this.#reserve(batch);
    batch.forEach((each, index) => {
      const ticket = reserved.then((tickets) => tickets[index]);
      // It is told when its turn comes.
      ticket.catch(() => {});
      this.#unreserved.delete(each);
      this.#tickets.set(each, ticket);
    });
    return (await reserved)[0];
  }

  /** @param {Upload} upload @param {boolean} [isStored] */
  remember({ file, uploadToken, remoteFile, ended }, isStored = false) {
    const { options, memory } = this.#call;
    if (!uploadToken || !remoteFile || ended) return;
    const { id: fileId, expiresAt } = remoteFile;
    const { fileManagerId, groupId } = options;
    memory.keep(keyOf(file, options), { fileId, filename: file.name, fileSize: file.size, fileManagerId, groupId, uploadToken, expiresAt, isStored });
  }

  /** @param {Upload} upload */
  #isKnown({ file }) {
    return Boolean(this.#call.options.resumeFileId ?? this.#call.memory.find(keyOf(file, this.#call.options)));
  }

  /** @param {Upload} upload @returns {Promise<Ticket | null>} */
  async #recall(upload) {
    const { resumeFileId: fileId } = this.#call.options;
    const uploadToken = fileId ? null : this.#call.memory.find(keyOf(upload.file, this.#call.options))?.uploadToken;
    upload.enter("starting");
    try {
      const reply = await this.#call.api.call("refreshUpload", fileId ? { fileId } : { uploadToken }, upload);
      if (reply.file && reply.file.fileSize !== upload.file.size) throw new UploadError(OTHER_FILE);
      upload.adopt({ ...reply, uploadToken: reply.uploadToken ?? uploadToken });
      this.remember(upload);
      return reply;
    } catch (cause) {
      if (fileId || UploadError.from(cause).retryable) throw cause;
      return null;
    }
  }

  /** @param {Upload[]} batch @returns {Promise<Ticket[]>} */
  async #reserve(batch) {
    try {
      const { files = [] } = await this.#call.initiate(batch, (record) => batch.forEach((upload, index) => upload.log(sliceOf(record, index))));
      batch.forEach((upload, index) => this.#adopt(upload, files[index] ?? {}));
      return files;
    } catch (cause) {
      this.refusal ??= cause;
      batch.forEach((upload) => upload.fail(cause));
      throw cause;
    }
  }

  /** @param {Upload} upload @param {Ticket} ticket */
  #adopt(upload, ticket) {
    if (ticket.uploadToken || ticket.file?.uploadStatus === "COMPLETED") upload.adopt(ticket);
    else upload.fail(new UploadError(ticket.errors?.[0] ?? BATCH_REFUSED));
    this.remember(upload);
  }
}

/** What a record of initiateUpload says of one of its files. @param {RequestRecord} record @param {number} index @returns {RequestRecord} */
function sliceOf({ input, reply, ...record }, index) {
  const part = (/** @type {any} */ whole) => whole && { ...whole, files: whole.files?.slice(index, index + 1) };
  return { ...record, input: part(input), reply: part(reply) };
}
