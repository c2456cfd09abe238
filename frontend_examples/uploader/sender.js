/** @import {createApi} from "./api.js" */
/** @import {Memory} from "./memory.js" */
/** @import {Payload, SendRequest, UploadInstructions, UploadRequest} from "./types.js" */
/** @import {Upload} from "./upload.js" */
import { recorded } from "./api.js";
import { mayPass, UploadError } from "./errors.js";
import { Places } from "./queue.js";
import { Patience, settle } from "./retry.js";

/**
 * What uploads share.
 * @typedef {{call: ReturnType<typeof createApi>, memory: Memory, send: SendRequest, files: Places, hashes: Places, farewells: Places,
 *   placesOf: (url: string) => Places, patienceSeconds: number, createWorker?: () => Worker}} Engine
 */

const PAUSED = new UploadError({ code: "PAUSED", message: "Paused.", retryable: true });

/**
 * Brings the bytes of one upload to the storage, window after window, until nothing is missing, and has them verified.
 * @param {Upload} upload @param {UploadInstructions | null | undefined} missing @param {boolean} isLast  false: the bytes only
 */
export async function transfer(upload, missing, isLast) {
  const { meter, signal, file } = upload;
  const patience = new Patience();
  let most = -1;
  /** @type {UploadError | null} */ let failure = null;
  // While no byte moves, time still passes: the speed falls, and then it waits.
  const clock = setInterval(() => tick(upload), 1000);
  try {
    for (;;) {
      if (missing) {
        const held = meter.begin(missing, performance.now());
        upload.hasFlowed ||= held > 0;
        upload.changed();
        if (held > most) patience.reset();
        if (failure !== PAUSED && (failure || held <= most)) await waitOut(failure, patience, upload);
        most = Math.max(held, most);
        if (upload.isPaused) patience.reset();
        await upload.turn();
        upload.enter("uploading");
        failure = await sendWindow(upload, missing);
        if (upload.isPaused) {
          patience.reset();
          await upload.turn();
        }
        signal.throwIfAborted();
      }
      /** @type {Payload} */ let reply;
      const { uploadToken, checksum } = upload;
      if (missing && (failure || missing.hasMore)) {
        reply = await upload.engine.call("refreshUpload", { uploadToken }, upload);
        upload.adopt(reply);
      } else if (isLast) {
        upload.hasFlowed = true;
        upload.enter("verifying");
        upload.remember(true);
        reply = await upload.engine.call("finalizeUpload", { uploadToken, fileSize: file.size, ...(checksum && { checksum }) }, upload);
        if (!reply.instructions) {
          upload.remoteFile = reply.file ?? null;
          return upload.enter("completed", true);
        }
      } else return;
      missing = reply.instructions;
    }
  } finally {
    clearInterval(clock);
  }
}

/** A file that stands still leaves its place to others until its next request. @param {Upload} upload */
function tick(upload) {
  if (upload.state !== "uploading") return;
  upload.moved();
  if (upload.progress.isWaiting) upload.rest();
}

/** @param {UploadError | null} failure @param {Patience} patience @param {Upload} upload */
async function waitOut(failure, patience, upload) {
  upload.rest();
  const error = failure ?? new UploadError({ code: "NO_PROGRESS", message: "The storage kept nothing.", retryable: true });
  const isRefused = error.status ? !mayPass(error.status) : !failure;
  await patience.wait(error, isRefused ? 0 : upload.patienceSeconds, upload.signal);
}

/** @param {Upload} upload @param {UploadInstructions} instructions @returns {Promise<UploadError | null>}  why it ended before its end */
async function sendWindow(upload, { requests, ordered, totalParts, maxConcurrency }) {
  const { signal } = upload;
  const inParallel = !ordered && totalParts > 1;
  const places = new Places(inParallel ? maxConcurrency : 1);
  /** @type {UploadError | null} */ let failure = null;
  const isOver = () => (failure ??= upload.isPaused ? PAUSED : null);
  const send = async (/** @type {UploadRequest} */ request) => {
    if (isOver()) return;
    await upload.turn();
    await upload.engine.placesOf(request.url).run(async () => {
      if (isOver()) return;
      await sendPart(upload, request, inParallel).catch((error) => {
        failure = error;
        upload.meter.sent(request, 0);
      });
    }, signal);
  };
  await Promise.all(requests.map((request) => places.run(() => send(request), signal)));
  return failure;
}

/** @param {Upload} upload @param {UploadRequest} request @param {boolean} inParallel */
function sendPart(upload, request, inParallel) {
  const { meter, engine, file, signal, log } = upload;
  const onProgress = (/** @type {number} */ sent) => {
    upload.hasFlowed ||= sent > 0;
    meter.sent(request, sent);
    upload.moved();
  };
  return recorded({ kind: "storage", name: request.method, request, status: 0 }, log, async (record) => {
    const status = await settle(signal, (done, over, fail) => {
      // What is one request only stops at once.
      if (!inParallel) upload.addEventListener("change", () => upload.isPaused && fail(PAUSED), over);
      engine.send(request, file, { signal: over.signal, onProgress }).then(done, fail);
    });
    record.status = status;
    if (!request.successStatus.includes(status))
      throw new UploadError({ code: "STORAGE_REFUSED", message: `The storage answered with status ${status}.`, retryable: true, status });
    meter.finished(request);
  });
}
