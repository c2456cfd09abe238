/** @import {RequestRecord, Ticket, Unfinished, UploadErrorFacts, UploadOptions} from "./types.js" */
/** @import {Upload} from "./upload.js" */
import { reservationOf } from "./api.js";
import { UploadError } from "./errors.js";
import { settle } from "./retry.js";

const FILES_PER_REQUEST = 50;
/** @type {UploadErrorFacts} */
const OTHER_FILE = { code: "FILE_MISMATCH", message: "This is another file: its size differs." };
/** @type {UploadErrorFacts} */
const BATCH_REFUSED = { code: "BATCH_REFUSED", message: "Another file of the batch was refused." };

/** Gets each upload of one call what it needs before it can be sent: its own from before, or a new ticket. */
export class Tickets {
  #uploads;
  #options;
  /** Why the first request as a whole was refused. @type {unknown} */
  refusal;

  /** @param {Upload[]} uploads  of one call @param {UploadOptions} options */
  constructor(uploads, options) {
    this.#uploads = uploads;
    this.#options = options;
    const { resumeFileId: fileId } = options;
    for (const upload of uploads) upload.known = fileId ? { fileId } : upload.engine.memory.find(upload.key);
  }

  /**
   * Goes on with an unfinished upload, else reserves, together with the files that come next. Until no other tab sends
   * it and its checksum is known, an upload needs no place among the files that are sent.
   * @param {Upload} upload @returns {Promise<Ticket>}
   */
  async take(upload) {
    if (upload.known) {
      await hold(upload, upload.known.fileId);
      // A cancel from here on is told; one that came before may be of what another tab sends.
      if (!upload.ended) upload.uploadToken = upload.known.uploadToken ?? null;
      await upload.turn();
      const ticket = await recall(upload, upload.known);
      if (ticket) return ticket;
      upload.known = null;
    }
    if (upload.checksum === null) await hash(upload);
    await upload.turn();
    if (upload.ticket) return upload.ticket;
    upload.enter("starting");
    const next = this.#uploads.filter((each) => each !== upload && !each.known && !each.ticket && !each.ended && each.checksum !== null);
    const batch = [upload, ...next].slice(0, this.#options.filesPerRequest ?? FILES_PER_REQUEST);
    const reserved = this.#reserve(batch);
    batch.forEach((each, index) => {
      each.ticket = reserved.then((tickets) => tickets[index]);
      // It is told when its turn comes.
      each.ticket.catch(() => {});
    });
    return (await reserved)[0];
  }

  /** @param {Upload[]} batch @returns {Promise<Ticket[]>} */
  async #reserve(batch) {
    try {
      const log = (/** @type {RequestRecord} */ record) => batch.forEach((upload, index) => upload.log(sliceOf(record, index)));
      const { files = [] } = await batch[0].engine.call("initiateUpload", reservationOf(batch, this.#options), { log });
      batch.forEach((upload, index) => adopt(upload, files[index] ?? {}));
      return files;
    } catch (cause) {
      this.refusal ??= cause;
      batch.forEach((upload) => upload.fail(cause));
      throw cause;
    }
  }
}

/** @param {Upload} upload */
async function hash(upload) {
  await upload.engine.hashes.run(async () => (await import("./checksum-client.js")).hash(upload, { settle, UploadError }), upload.signal);
}

/** @param {Upload} upload @param {Partial<Unfinished>} known @returns {Promise<Ticket | null>} */
async function recall(upload, { uploadToken, fileId }) {
  upload.enter("starting");
  try {
    const reply = await upload.engine.call("refreshUpload", uploadToken ? { uploadToken } : { fileId }, upload);
    if (reply.file && reply.file.fileSize !== upload.file.size) throw new UploadError(OTHER_FILE);
    upload.adopt(reply);
    upload.remember();
    return reply;
  } catch (cause) {
    if (!uploadToken || UploadError.from(cause).retryable) throw cause;
    return null;
  }
}

/** @param {Upload} upload @param {Partial<Ticket>} ticket */
function adopt(upload, ticket) {
  if (ticket.uploadToken || ticket.file?.uploadStatus === "COMPLETED") upload.adopt(ticket);
  else upload.fail(new UploadError(ticket.errors?.[0] ?? BATCH_REFUSED));
  upload.remember();
  void hold(upload, ticket.file?.id);
}

/**
 * Resolves once no other tab sends that file; until the upload has ended, no other tab does. Pages that are not served
 * securely have no locks, and there both send it.
 * @param {Upload} upload @param {string} [fileId]
 */
async function hold(upload, fileId) {
  const locks = globalThis.navigator?.locks;
  if (!locks || !fileId) return;
  await new Promise((go) => {
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
