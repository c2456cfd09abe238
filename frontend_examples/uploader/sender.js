/** @import {Api} from "./api.js" */
/** @import {SendRequest, UploadErrorFacts, UploadInstructions, UploadRequest} from "./types.js" */
/** @import {Upload} from "./upload.js" */
import { mayPass, UploadError } from "./errors.js";
import { Meter } from "./progress.js";
import { Places } from "./queue.js";
import { Patience } from "./retry.js";

/**
 * What uploads share.
 * @typedef {{api: Api, send: SendRequest, files: Places, hashes: Places, farewells: Places, placesOf: (url: string) => Places,
 *   patienceSeconds: number, createWorker?: () => Worker}} Engine
 */

const PAUSED = new UploadError({ code: "PAUSED", message: "Paused.", retryable: true });
/** @type {UploadErrorFacts} */
const NO_PROGRESS = { code: "NO_PROGRESS", message: "The storage kept nothing.", retryable: true };

/** Brings the bytes of one upload to the storage, window after window, and has them verified. */
export class Sender {
  #upload;
  #engine;
  #patience = new Patience();
  #window = new AbortController();
  #inParallel = false;
  #held = -1;
  /** Bytes went out, so that the storage can be reached. */
  #hasFlowed = false;

  /** @param {Upload} upload @param {Engine} engine */
  constructor(upload, engine) {
    this.#upload = upload;
    this.#engine = engine;
    this.meter = new Meter(upload.file.size);
    upload.signal.addEventListener("abort", () => this.#window.abort(upload.signal.reason));
  }

  /** Sends until nothing is missing and the server has verified it, unless it has already. @param {UploadInstructions | null | undefined} instructions @param {() => void} onSent  the storage should have all bytes */
  async run(instructions, onSent) {
    const upload = this.#upload;
    if (upload.remoteFile?.uploadStatus === "COMPLETED") return upload.enter("completed");
    const { uploadToken, checksum, file } = upload;
    const input = { uploadToken, fileSize: file.size, ...(checksum && { checksum }) };
    for (let missing = instructions; ; ) {
      if (missing) await this.send(missing);
      this.#hasFlowed = true;
      upload.enter("verifying");
      onSent();
      const reply = await this.#call("finalizeUpload", input);
      missing = reply.instructions;
      if (missing) continue;
      upload.remoteFile = reply.file ?? null;
      return upload.enter("completed");
    }
  }

  /** Sends until the storage holds every byte; verifies nothing. @param {UploadInstructions} instructions */
  async send(instructions) {
    const upload = this.#upload;
    // While no byte moves, time still passes: the speed falls, and then it waits.
    const clock = setInterval(() => this.#tick(), 1000);
    try {
      /** @type {UploadError | null} */
      let failure = null;
      for (let missing = /** @type {UploadInstructions | null | undefined} */ (instructions); missing; ) {
        if (!this.#gain(missing) || failure) await this.#wait(failure);
        await upload.turn();
        upload.enter("uploading");
        failure = await this.#sendWindow(missing);
        if (upload.isPaused) await upload.turn();
        upload.signal.throwIfAborted();
        if (!failure && !missing.hasMore) return;
        const reply = await this.#call("refreshUpload", { uploadToken: upload.uploadToken });
        upload.adopt(reply);
        missing = reply.instructions;
      }
    } finally {
      clearInterval(clock);
    }
  }

  pause() {
    this.#patience.reset();
    if (!this.#inParallel) this.#window.abort(PAUSED);
  }

  /** True if the storage holds more than ever before. @param {UploadInstructions} instructions */
  #gain(instructions) {
    const held = this.meter.begin(instructions, performance.now());
    const isMore = held > this.#held;
    this.#held = Math.max(held, this.#held);
    this.#hasFlowed ||= held > 0;
    if (isMore) this.#patience.reset();
    this.#upload.changed();
    return isMore;
  }

  /** @param {UploadError | null} failure */
  async #wait(failure) {
    if (failure === PAUSED) return;
    this.#upload.rest();
    const error = failure ?? new UploadError(NO_PROGRESS);
    const isRefused = error.status ? !mayPass(error.status) : !failure;
    await this.#patience.wait(error, isRefused ? 0 : this.#patienceSeconds, this.#upload.signal);
  }

  /** None where no byte ever went out: what has never worked may never work. */
  get #patienceSeconds() {
    return this.#hasFlowed ? this.#engine.patienceSeconds : 0;
  }

  /** @param {UploadInstructions} instructions @returns {Promise<UploadError | null>}  why it ended before its end */
  async #sendWindow({ requests, ordered, totalParts, maxConcurrency }) {
    const upload = this.#upload;
    this.#window = new AbortController();
    this.#inParallel = !ordered && totalParts > 1;
    /** @type {UploadError | null} */
    let failure = null;
    const isOver = () => (failure ??= upload.isPaused ? PAUSED : null) !== null;
    const places = new Places(this.#inParallel ? maxConcurrency : 1);
    const send = async (/** @type {UploadRequest} */ request) => {
      const done = await places.take(upload.signal);
      if (!isOver()) {
        await upload.turn();
        const leave = await this.#engine.placesOf(request.url).take(upload.signal);
        if (!isOver()) failure = (await this.#sendPart(request)) ?? failure;
        leave();
      }
      done();
    };
    await Promise.all(requests.map(send));
    return failure;
  }

  /** @param {UploadRequest} request @returns {Promise<UploadError | null>} */
  async #sendPart(request) {
    const started = performance.now();
    const { signal } = this.#window;
    let status = 0;
    /** @type {UploadError | null} */
    let error = null;
    try {
      const onProgress = (/** @type {number} */ sent) => this.#flow(request, sent);
      status = await this.#engine.send(request, this.#upload.file, { signal, onProgress });
      if (request.successStatus.includes(status)) this.meter.finished(request);
      else error = new UploadError({ code: "STORAGE_REFUSED", message: `The storage answered with status ${status}.`, retryable: true, status });
    } catch (cause) {
      error = UploadError.from(cause);
    }
    if (error) this.meter.sent(request, 0);
    const milliseconds = Math.round(performance.now() - started);
    this.#upload.log({ kind: "storage", name: request.method, milliseconds, error: error && error.message, request, status });
    return error;
  }

  /** @param {UploadRequest} request @param {number} sentBytes */
  #flow(request, sentBytes) {
    this.#hasFlowed ||= sentBytes > 0;
    this.meter.sent(request, sentBytes);
    this.#upload.moved();
  }

  /** A file that stands still leaves its place to others until its next request. */
  #tick() {
    const upload = this.#upload;
    if (upload.state === "uploading" && upload.moved() && upload.progress.isWaiting) upload.rest();
  }

  /** @param {Parameters<Api["call"]>[0]} name @param {Record<string, unknown>} input */
  #call(name, input) {
    const { signal, log } = this.#upload;
    return this.#engine.api.call(name, input, { signal, log, patienceSeconds: this.#patienceSeconds });
  }
}
