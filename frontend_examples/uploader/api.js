/** @import {FileUploaderOptions, GraphQLRequest, Payload, RequestRecord} from "./types.js" */
import { DOCUMENTS } from "./documents.js";
import { httpError, UploadError } from "./errors.js";
import { backoffSeconds, RETRY_LIMIT, wait } from "./retry.js";

/** A call may take the server 20 seconds; after this many the answer counts as lost. */
const LOST_AFTER_SECONDS = 45;
/** A rate lets the client go on within a minute. What takes an hour is for people to know. */
const LONGEST_PAUSE_SECONDS = 120;
/** Of 64 KiB that browsers allow all requests together that outlive their page; a character has three bytes at most. */
const KEPT_ALIVE_CHARACTERS = 16_000;

/**
 * The default `request`: POSTs JSON to the endpoint, with the page's own cookies.
 * @param {FileUploaderOptions} options
 * @returns {GraphQLRequest}
 */
export function fetchRequest({ csrfToken, endpoint = "/graphql", headers = {} }) {
  return async (document, variables, { signal, keepalive } = {}) => {
    const body = JSON.stringify({ query: document, variables });
    const token = typeof csrfToken === "function" ? csrfToken() : csrfToken;
    const limit = AbortSignal.timeout(LOST_AFTER_SECONDS * 1000);
    const response = await fetch(endpoint, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json",
        ...(token && { "X-CSRFToken": token }),
        ...headers,
      },
      body,
      keepalive: keepalive && body.length < KEPT_ALIVE_CHARACTERS,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return readReply(response);
  };
}

/** @param {Response} response */
async function readReply(response) {
  const reply = await response.json().catch(rethrowLost);
  if (response.ok && reply?.data && !reply.errors?.length) return reply.data;
  const [problem] = reply?.errors ?? [];
  if (!problem || response.status >= 500 || response.status === 429) {
    throw httpError(response.status, response.headers.get("Retry-After"));
  }
  throw new UploadError({ code: problem.extensions?.code ?? "GRAPHQL_ERROR", message: problem.message });
}

/** What is no JSON has a status that says more; a connection lost half way is passed on. @param {unknown} cause */
function rethrowLost(cause) {
  if (!(cause instanceof SyntaxError)) throw cause;
}

/** The upload mutations, repeated while that may help. */
export class Api {
  #request;

  /** @param {GraphQLRequest} request */
  constructor(request) {
    this.#request = request;
  }

  /**
   * Waits out UPLOAD_IN_PROGRESS, repeats what is retryable at most five times, throws an UploadError for the rest.
   * Every one of the mutations may be repeated: initiateUpload through its idempotency key. finalizeUpload outlives the
   * page: a tab that closes once its bytes are sent loses nothing.
   * @param {keyof typeof DOCUMENTS} name
   * @param {Record<string, unknown>} input
   * @param {{signal?: AbortSignal, log?: (record: RequestRecord) => void}} [options]
   * @returns {Promise<Payload>}
   */
  async call(name, input, { signal, log } = {}) {
    for (let attempt = 0; ; ) {
      const { payload, error } = await this.#once(name, input, { signal, log });
      if (!error) return /** @type {Payload} */ (payload);
      signal?.throwIfAborted();
      const busy = error.code === "UPLOAD_IN_PROGRESS";
      const pause = error.retryAfterSeconds ?? (busy ? 1 : 0);
      if (!busy && (!error.retryable || attempt === RETRY_LIMIT || pause > LONGEST_PAUSE_SECONDS)) throw error;
      await wait(busy ? pause : Math.max(pause, backoffSeconds(attempt++)), signal);
    }
  }

  /** @param {keyof typeof DOCUMENTS} name @param {Record<string, unknown>} input @param {{signal?: AbortSignal, log?: (record: RequestRecord) => void}} options */
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
    } catch (cause) {
      error = UploadError.from(cause);
    }
    const milliseconds = Math.round(performance.now() - started);
    log?.({ kind: "graphql", name, milliseconds, error: error && error.message, input, reply: payload });
    return { payload, error };
  }
}
