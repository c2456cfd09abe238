/** @import {Api} from "./api.js" */
/** @import {Progress, RemoteFile, RequestRecord, SendRequest, UploadInstructions, UploadRequest, UploadState} from "./types.js" */
import { UploadError } from "./errors.js";
import { Meter } from "./progress.js";
import { backoffSeconds, inParallel, RETRY_LIMIT, wait } from "./retry.js";

/** @type {UploadState[]} */
const ENDED = ["completed", "failed", "cancelled"];
const PAUSED = new UploadError({ code: "PAUSED", message: "Paused.", retryable: true });

/**
 * One file on its way. Fires `change` at every new state and, while bytes flow, at most ten times a second;
 * and `request` (a CustomEvent whose detail is a RequestRecord) after every request made for it.
 */
export class Upload extends EventTarget {
  #api;
  #send;
  #meter;
  #cancelled = new AbortController();
  #window = new AbortController();
  /** @type {UploadState} */
  #phase = "queued";
  /** @type {Promise<void> | null} */
  #gate = null;
  #open = () => {};
  #inParallel = false;
  #held = -1;
  #stalls = 0;
  /** What went wrong in the last window. @type {UploadError | null} */
  #failure = null;
  /** Secret of the unfinished upload, once there is one. @type {string | null} */
  uploadToken = null;
  /** @type {RemoteFile | null} */
  remoteFile = null;
  /** @type {UploadError | null} */
  error = null;
  /** @type {string | undefined} */
  checksum;

  /** @param {Api} api @param {File} file @param {SendRequest} send */
  constructor(api, file, send) {
    super();
    this.#api = api;
    this.#send = send;
    this.#meter = new Meter(file.size);
    this.file = file;
  }

  /** @returns {UploadState} */
  get state() {
    return this.#gate && !this.ended ? "paused" : this.#phase;
  }

  /** True once it is completed, failed or cancelled. */
  get ended() {
    return ENDED.includes(this.#phase);
  }

  /** @returns {Progress} */
  get progress() {
    return this.#meter.read(performance.now());
  }

  /** Aborts with the cancelling error. */
  get signal() {
    return this.#cancelled.signal;
  }

  /** Takes no further part; running ones finish, so that none is sent twice. What is one request only stops at once. */
  pause() {
    if (this.#gate || this.ended || this.#phase === "verifying") return;
    this.#gate = new Promise((resolve) => (this.#open = resolve));
    if (!this.#inParallel) this.#window.abort(PAUSED);
    this.#changed();
  }

  resume() {
    this.#gate = null;
    this.#stalls = 0;
    this.#open();
    this.#changed();
  }

  /** Stops at once and tells the server. Resolves when the server has answered. */
  async cancel() {
    if (this.ended) return;
    const error = new UploadError({ code: "CANCELLED", message: "Cancelled." });
    this.fail(error);
    this.#cancelled.abort(error);
    this.#window.abort(error);
    this.#open();
    await this.#abandon();
  }

  /** @param {UploadState} state */
  enter(state) {
    if (this.ended) return;
    this.#phase = state;
    this.#changed();
  }

  /** Ends it with that error, unless it has ended. @param {unknown} cause @returns {UploadError}  the error it ended with */
  fail(cause) {
    this.error ??= UploadError.from(cause);
    this.enter(this.error.code === "CANCELLED" ? "cancelled" : "failed");
    return this.error;
  }

  /** @type {(record: RequestRecord) => void} */
  log = (record) => void this.dispatchEvent(new CustomEvent("request", { detail: record }));

  /** Takes over what the server reserved. @param {{uploadToken?: string | null, file?: RemoteFile | null}} reserved */
  adopt({ uploadToken, file }) {
    this.uploadToken = uploadToken ?? this.uploadToken;
    this.remoteFile = file ?? this.remoteFile;
    if (this.signal.aborted) void this.#abandon();
    this.signal.throwIfAborted();
  }

  /** Sends until nothing is missing and the server has verified it, unless it has already. @param {UploadInstructions | null | undefined} instructions */
  async run(instructions) {
    if (this.remoteFile?.uploadStatus === "COMPLETED") return this.enter("completed");
    const { size: fileSize } = this.file;
    const input = { uploadToken: this.uploadToken, fileSize, ...(this.checksum && { checksum: this.checksum }) };
    for (let missing = instructions; ; ) {
      if (missing) await this.send(missing);
      this.enter("verifying");
      const reply = await this.#call("finalizeUpload", input);
      missing = reply.instructions;
      if (missing) continue;
      this.remoteFile = reply.file ?? null;
      return this.enter("completed");
    }
  }

  /** Sends until the storage holds every byte; verifies nothing. @param {UploadInstructions} instructions */
  async send(instructions) {
    this.enter("uploading");
    for (let missing = /** @type {UploadInstructions | null | undefined} */ (instructions); missing; ) {
      const failure = (this.#failure = await this.#sendWindow(missing));
      await this.#gate;
      this.signal.throwIfAborted();
      if (!failure && !missing.hasMore) return;
      if (failure && failure !== PAUSED) await this.#backOff(failure);
      const reply = await this.#call("refreshUpload", { uploadToken: this.uploadToken });
      this.adopt(reply);
      missing = reply.instructions;
    }
  }

  /** @param {UploadInstructions} instructions @returns {Promise<UploadError | null>}  the first failure */
  async #sendWindow(instructions) {
    this.#begin(instructions);
    /** @type {UploadError | null} */
    let failure = null;
    await inParallel(instructions.requests, this.#inParallel ? instructions.maxConcurrency : 1, async (request) => {
      await this.#gate;
      if (failure || this.signal.aborted) return;
      failure = (await this.#sendPart(request)) ?? failure;
    });
    return failure;
  }

  /** @param {UploadInstructions} instructions */
  #begin(instructions) {
    this.#window = new AbortController();
    this.#inParallel = !instructions.ordered && instructions.totalParts > 1;
    this.#meter.begin(instructions);
    const { loadedBytes } = this.progress;
    this.#stalls = loadedBytes > this.#held ? 0 : this.#stalls + 1;
    this.#held = Math.max(this.#held, loadedBytes);
    if (this.#stalls < RETRY_LIMIT) return this.#changed();
    throw this.#failure ?? new UploadError({ code: "NO_PROGRESS", message: "The storage kept nothing.", retryable: true });
  }

  /** @param {UploadRequest} request @returns {Promise<UploadError | null>} */
  async #sendPart(request) {
    const started = performance.now();
    const { signal } = this.#window;
    let status = 0;
    /** @type {UploadError | null} */
    let error = null;
    try {
      status = await this.#send(request, this.file, { signal, onProgress: (sent) => this.#flow(request, sent) });
      if (request.successStatus.includes(status)) this.#meter.finished(request);
      else error = refusal(status);
    } catch (cause) {
      error = UploadError.from(cause);
    }
    if (error) this.#meter.sent(request, 0);
    const milliseconds = Math.round(performance.now() - started);
    this.log({ kind: "storage", name: request.method, milliseconds, error: error && error.message, request, status });
    return error;
  }

  /** @param {UploadError} failure */
  async #backOff(failure) {
    if (!failure.retryable) throw failure;
    await wait(backoffSeconds(this.#stalls), this.signal);
  }

  /** @param {UploadRequest} request @param {number} sentBytes */
  #flow(request, sentBytes) {
    this.#meter.sent(request, sentBytes);
    if (this.#meter.isDue(performance.now())) this.#changed();
  }

  /** What the server does not hear of lapses by itself at its deadline. */
  async #abandon() {
    if (!this.uploadToken) return;
    await this.#api.call("abortUpload", { uploadToken: this.uploadToken }, { log: this.log }).catch(() => {});
  }

  /** @param {Parameters<Api["call"]>[0]} name @param {Record<string, unknown>} input */
  #call(name, input) {
    return this.#api.call(name, input, { signal: this.signal, log: this.log });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {number} status */
function refusal(status) {
  return new UploadError({ code: "STORAGE_REFUSED", message: `The storage answered with status ${status}.`, retryable: true });
}
