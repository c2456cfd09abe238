/** @import {FileUploaderOptions, GraphQLRequest, Payload, RequestRecord, UploadOptions} from "./types.js" */
import { DOCUMENTS } from "./documents.js";
import { httpError, UploadError } from "./errors.js";
import { Patience, settle, wait } from "./retry.js";

/** A call may take the server 20 seconds; after this many the answer counts as lost. */
const LOST_AFTER_SECONDS = 45;
/** A rate lets the client go on within a minute. What takes an hour is for people to know. */
const LONGEST_PAUSE_SECONDS = 120;
/** Of 64 KiB that browsers allow all requests together that outlive their page; a character has three bytes at most. */
const KEPT_ALIVE_CHARACTERS = 16_000;

/** @typedef {{signal?: AbortSignal, log?: (record: RequestRecord) => void, patienceSeconds?: number}} CallOptions */

/**
 * The default `request`: POSTs JSON to the endpoint, with the page's own cookies.
 * @param {FileUploaderOptions} options
 * @returns {GraphQLRequest}
 */
export function fetchRequest({ csrfToken, csrfUrl = "/fileman/csrf/", endpoint = "/graphql", headers }) {
  /** @type {GraphQLRequest} */
  const request = async (document, variables, { signal, keepalive } = {}) => {
    const body = JSON.stringify({ query: document, variables });
    const token = await valueOf(csrfToken);
    const options = {
      method: "POST",
      credentials: /** @type {const} */ ("same-origin"),
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json",
        ...(token && { "X-CSRFToken": token }),
        ...(await valueOf(headers)),
      },
      body,
      keepalive: keepalive && body.length < KEPT_ALIVE_CHARACTERS,
    };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    // Browsers before 2024 lack AbortSignal.any and AbortSignal.timeout.
    return settle(signal, (done, over, fail) => {
      timer = setTimeout(() => fail(new DOMException("No answer.", "TimeoutError")), LOST_AFTER_SECONDS * 1000);
      fetch(endpoint, { ...options, signal: over.signal }).then(readReply).then(done, fail);
    }).finally(() => clearTimeout(timer));
  };
  request.renew = async () => {
    if (typeof csrfToken !== "string") return;
    const response = await fetch(csrfUrl, { credentials: "same-origin" }).catch(() => null);
    csrfToken = (await response?.json().catch(() => null))?.csrfToken ?? csrfToken;
  };
  return request;
}

/** @template T @param {T | (() => T | Promise<T>)} value */
function valueOf(value) {
  return typeof value === "function" ? /** @type {() => T | Promise<T>} */ (value)() : value;
}

/** @param {Response} response */
async function readReply(response) {
  const reply = await response.json().catch(rethrowLost);
  if (response.ok && reply?.data && !reply.errors?.length) return reply.data;
  const [problem] = reply?.errors ?? [];
  const { status } = response;
  if (!problem || status >= 500 || status === 429) throw httpError(status, response.headers.get("Retry-After"));
  throw new UploadError({ code: problem.extensions?.code ?? "GRAPHQL_ERROR", message: problem.message, status });
}

/** What is no JSON has a status that says more; a connection lost half way is passed on. @param {unknown} cause */
function rethrowLost(cause) {
  if (!(cause instanceof SyntaxError)) throw cause;
}

/** The upload mutations, repeated while that may help. */
export class Api {
  #request;
  /** Of an upload of the user for whom this page uploads. @type {string | null | undefined} */
  #knownToken;
  /** Why the credentials were renewed, until it is known that they are the same user's. @type {UploadError | null} */
  #doubt = null;

  /** @param {GraphQLRequest} request */
  constructor(request) {
    this.#request = request;
  }

  /**
   * Waits out UPLOAD_IN_PROGRESS, repeats what is retryable at most five times or as long as there is patience, renews
   * credentials once, throws an UploadError for the rest.
   * Every one of the mutations may be repeated: initiateUpload through its idempotency key. finalizeUpload outlives the
   * page: a tab that closes once its bytes are sent loses nothing.
   * @param {keyof typeof DOCUMENTS} name
   * @param {Record<string, unknown>} input
   * @param {CallOptions} [options]
   * @returns {Promise<Payload>}
   */
  async call(name, input, { signal, log, patienceSeconds = 0 } = {}) {
    const patience = new Patience();
    for (let isRenewed = false; ; ) {
      if (name === "initiateUpload") await this.#confirmUser();
      const { payload, error } = await this.#once(name, input, { signal, log });
      if (!error) return /** @type {Payload} */ (payload);
      signal?.throwIfAborted();
      const pause = error.retryAfterSeconds ?? 0;
      if (error.code === "UPLOAD_IN_PROGRESS") await wait(pause || 1, signal);
      else if (isAboutCredentials(error) && this.#request.renew && !isRenewed) {
        isRenewed = true;
        this.#doubt = error;
        await this.#request.renew();
      } else if (pause > LONGEST_PAUSE_SECONDS) throw error;
      else await patience.wait(error, patienceSeconds, signal, pause);
    }
  }

  /** @param {{file: File, checksum?: string | null}[]} uploads @param {UploadOptions} options @param {CallOptions} [call] */
  initiate(uploads, { fileManagerId, groupId, metadata, atomic, isPublic }, call) {
    const ofFile = typeof metadata === "function" ? metadata : undefined;
    const files = uploads.map(({ file, checksum }) => {
      const { name: filename, type: contentType, size, webkitRelativePath: relativePath } = file;
      const own = relativePath || ofFile ? { ...(relativePath && { relativePath }), ...ofFile?.(file) } : undefined;
      return { filename, contentType, size, checksum: checksum ?? undefined, metadata: own, isPublic };
    });
    // 128 random bits; randomUUID is missing where a page is not served securely.
    const idempotencyKey = crypto.getRandomValues(new Uint32Array(4)).join("-");
    return this.call("initiateUpload", { files, fileManagerId, groupId, metadata: ofFile ? undefined : metadata, atomic, idempotencyKey }, call);
  }

  /** Another user may have signed in meanwhile. The server knows an upload by its token only for the user who began it. */
  async #confirmUser() {
    if (this.#doubt) await this.#request.renew?.();
    if (this.#doubt && this.#knownToken) await this.#once("refreshUpload", { uploadToken: this.#knownToken }, {});
    if (this.#doubt) throw this.#doubt;
  }

  /** @param {keyof typeof DOCUMENTS} name @param {Record<string, unknown>} input @param {CallOptions} options */
  async #once(name, input, { signal, log }) {
    const started = performance.now();
    /** @type {Payload | null} */
    let payload = null;
    /** @type {UploadError | null} */
    let error = null;
    try {
      const options = { signal, keepalive: name === "finalizeUpload" };
      payload = /** @type {Payload | null} */ ((await this.#request(DOCUMENTS[name], { input }, options))?.[name] ?? null);
      if (!payload) throw new Error("The answer holds no data.");
      if (!payload.instructions && payload.errors.length) error = new UploadError(payload.errors[0]);
      if (payload.file) this.#doubt = null;
      this.#knownToken = payload.files?.find(({ uploadToken }) => uploadToken)?.uploadToken ?? payload.uploadToken ?? this.#knownToken;
    } catch (cause) {
      error = UploadError.from(cause);
    }
    const milliseconds = Math.round(performance.now() - started);
    log?.({ kind: "graphql", name, milliseconds, error: error && error.message, input, reply: payload });
    return { payload, error };
  }
}

/** @param {UploadError} error */
function isAboutCredentials({ code, status }) {
  return status === 401 || code === "CSRF_FAILED" || code === "UNAUTHENTICATED";
}
