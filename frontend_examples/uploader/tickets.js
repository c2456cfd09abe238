/** @import {RequestRecord, Ticket, Unfinished} from "./types.js" */
/** @import {Upload} from "./upload.js" */
import { reservationOf } from "./api.js";
import { lost, UploadError } from "./errors.js";
import { settle } from "./retry.js";

const FILES_PER_REQUEST = 50;

/** The new uploads of one call of uploadFiles, and why its first request as a whole was refused. @typedef {{uploads: Upload[], refusal?: unknown}} Call */

/**
 * Gets an upload what it needs before it can be sent: its unfinished one, or a new ticket, reserved together with the
 * files that come next. Until no other tab sends it and its checksum is known, it needs no place among those that are sent.
 * @param {Upload} upload @param {Call} call @returns {Promise<Ticket>}
 */
export async function ticketOf(upload, call) {
  const { known, options } = upload;
  if (known) {
    await hold(upload, known.fileId);
    // A cancel from here on is told; one that came before may be of what another tab sends.
    if (!upload.ended) upload.uploadToken = known.uploadToken ?? null;
    await upload.turn();
    const ticket = await recall(upload, known);
    if (ticket) return ticket;
    upload.known = undefined;
  }
  if (upload.checksum === null) await hash(upload);
  await upload.turn();
  if (!upload.ticket) {
    upload.enter("starting");
    const next = call.uploads.filter((each) => each !== upload && !each.known && !each.ticket && !each.ended && each.checksum !== null);
    const batch = [upload, ...next].slice(0, options.filesPerRequest ?? FILES_PER_REQUEST);
    const reserved = reserve(batch, call);
    batch.forEach((each, index) => {
      each.ticket = reserved.then((tickets) => tickets[index]);
      // It is told when its turn comes.
      each.ticket.catch(() => {});
    });
  }
  return /** @type {Promise<Ticket>} */ (upload.ticket);
}

/** @param {Upload[]} batch @param {Call} call @returns {Promise<Ticket[]>} */
async function reserve(batch, call) {
  const [{ engine, options }] = batch;
  try {
    const log = (/** @type {RequestRecord} */ record) => batch.forEach((upload, index) => upload.log(sliceOf(record, index)));
    const { files = [] } = await engine.call("initiateUpload", reservationOf(batch, options), { log });
    batch.forEach((upload, index) => adopt(upload, files[index] ?? {}));
    return files;
  } catch (cause) {
    call.refusal ??= cause;
    batch.forEach((upload) => upload.fail(cause));
    throw cause;
  }
}

/** @param {Upload} upload */
async function hash(upload) {
  const load = () => import("./checksum-client.js").catch((cause) => Promise.reject(lost(cause)));
  await upload.engine.hashes.run(async () => (await load()).hash(upload, { settle, UploadError }), upload.signal);
}

/** @param {Upload} upload @param {Partial<Unfinished>} known @returns {Promise<Ticket | null>} */
async function recall(upload, { uploadToken, fileId }) {
  upload.enter("starting");
  try {
    const reply = await upload.engine.call("refreshUpload", uploadToken ? { uploadToken } : { fileId }, upload);
    if (reply.file && reply.file.fileSize !== upload.file.size) throw new UploadError({ code: "FILE_MISMATCH", message: "This is another file: its size differs." });
    upload.adopt(reply);
    upload.remember();
    return reply;
  } catch (/** @type {any} */ error) {
    if (!uploadToken || error.retryable) throw error;
    return null;
  }
}

/** @param {Upload} upload @param {Partial<Ticket>} ticket */
function adopt(upload, ticket) {
  if (ticket.uploadToken || ticket.file?.uploadStatus === "COMPLETED") {
    // In place of what the server no longer knew.
    upload.engine.memory.forget(upload.key, upload.uploadToken);
    upload.adopt(ticket);
  } else upload.fail(new UploadError(ticket.errors?.[0] ?? { code: "BATCH_REFUSED", message: "Another file of the batch was refused." }));
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
