/** @import {FileUploaderOptions, GraphQLRequest, Payload, RequestRecord, UploadOptions} from "./types.js" */
import { DOCUMENTS } from "./documents.js";
import { httpError, lost, mayPass, UploadError } from "./errors.js";
import { Patience, settle, wait } from "./retry.js";

/** A call may take the server 20 seconds; after this many the answer counts as lost. */
const LOST_AFTER_SECONDS = 45;
/** A rate lets the client go on within a minute. What takes an hour is for people to know. */
const LONGEST_PAUSE_SECONDS = 120;
/** Of 64 KiB that browsers allow all requests together that outlive their page; a character has three bytes at most. */
const KEPT_ALIVE_CHARACTERS = 16_000;

/** @typedef {{signal?: AbortSignal, log?: (record: RequestRecord) => void, patienceSeconds?: number}} CallOptions */

/** The default `request`: POSTs JSON to the endpoint, with the page's own cookies. @param {FileUploaderOptions} options @returns {GraphQLRequest} */
export function fetchRequest({ csrfToken, csrfUrl = "/fileman/csrf/", endpoint = "/graphql", headers }) {
  /** @type {GraphQLRequest} */
  const request = async (document, variables, { signal, keepalive } = {}) => {
    const body = JSON.stringify({ query: document, variables });
    const token = await valueOf(csrfToken);
    const own = await valueOf(headers);
    // Browsers before 2024 lack AbortSignal.any and AbortSignal.timeout.
    return settle(signal, (done, over, fail, after) => {
      after(LOST_AFTER_SECONDS, () => fail(lost()));
      /** @type {RequestInit} */
      const init = {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          Accept: "application/graphql-response+json, application/json",
          ...(token && { "X-CSRFToken": token }),
          ...own,
        },
        body,
        keepalive: keepalive && body.length < KEPT_ALIVE_CHARACTERS,
        signal: over.signal,
      };
      const explain = (/** @type {unknown} */ cause) => {
        // Throws what is wrong with the request. A right one got no answer, however the browser words that.
        new Request(endpoint, init);
        throw lost(cause);
      };
      fetch(endpoint, init).then(readReply, explain).then(done, fail);
    });
  };
  request.renew = async () => {
    if (typeof csrfToken !== "string") return;
    try {
      csrfToken = (await (await fetch(csrfUrl)).json()).csrfToken ?? csrfToken;
    } catch {
      // The old one is refused once more, and that is told.
    }
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
  const problem = reply?.errors?.[0];
  const { ok, status, headers } = response;
  if (ok && reply?.data && !problem) return reply.data;
  if (!problem || mayPass(status)) throw httpError(status, headers.get("Retry-After"));
  throw new UploadError({ code: problem.extensions?.code ?? "GRAPHQL_ERROR", message: problem.message, status });
}

/** What is no JSON has a status that says more. @param {unknown} cause */
function rethrowLost(cause) {
  if (!(cause instanceof SyntaxError)) throw lost(cause);
}

/** The upload mutations, repeated while that may help. @param {GraphQLRequest} request */
export function createApi(request) {
  /** Of an upload of the user for whom this page uploads. @type {string | null | undefined} */
  let knownToken;
  /** Why the credentials were renewed, until it is known that they are the same user's. @type {UploadError | null} */
  let doubt = null;

  /** @param {keyof typeof DOCUMENTS} name @param {Record<string, unknown>} input @param {CallOptions} [options] @returns {Promise<Payload>} */
  const callOnce = (name, input, { signal, log } = {}) =>
    recorded({ kind: "graphql", name, input, reply: null }, log, async (record) => {
      const options = { signal, keepalive: name === "finalizeUpload" };
      /** @type {Payload | undefined} */ const payload = (await request(DOCUMENTS[name], { input }, options))?.[name];
      if (!payload) throw new Error("The answer holds no data.");
      record.reply = payload;
      if (payload.file) doubt = null;
      knownToken = payload.files?.find(({ uploadToken }) => uploadToken)?.uploadToken ?? payload.uploadToken ?? knownToken;
      if (!payload.instructions && payload.errors.length) throw new UploadError(payload.errors[0]);
      return payload;
    });

  /** Another user may have signed in meanwhile. The server knows an upload by its token only for the user who began it. */
  const confirmUser = async () => {
    if (doubt) await request.renew?.();
    if (doubt && knownToken) await callOnce("refreshUpload", { uploadToken: knownToken }).catch(() => {});
    if (doubt) throw doubt;
  };

  /**
   * Waits out UPLOAD_IN_PROGRESS, repeats what is retryable at most five times or as long as there is patience, renews
   * credentials once, throws an UploadError for the rest.
   * Every one of the mutations may be repeated: initiateUpload through its idempotency key. finalizeUpload outlives the
   * page: a tab that closes once its bytes are sent loses nothing.
   * @param {keyof typeof DOCUMENTS} name @param {Record<string, unknown>} input @param {CallOptions} [options] @returns {Promise<Payload>}
   */
  return async (name, input, options = {}) => {
    const { signal, patienceSeconds = 0 } = options;
    const patience = new Patience();
    for (let isRenewed = false; ; ) {
      if (name === "initiateUpload") await confirmUser();
      try {
        return await callOnce(name, input, options);
      } catch (/** @type {any} an UploadError */ error) {
        signal?.throwIfAborted();
        const pause = error.retryAfterSeconds ?? 0;
        if (error.code === "UPLOAD_IN_PROGRESS") await wait(pause || 1, signal);
        else if ((error.status === 401 || /^(CSRF_FAILED|UNAUTHENTICATED)$/.test(error.code)) && request.renew && !isRenewed) {
          isRenewed = true;
          doubt = error;
          await request.renew();
        } else if (pause > LONGEST_PAUSE_SECONDS) throw error;
        else await patience.wait(error, patienceSeconds, signal);
      }
    }
  };
}

/** Of one file: its path in a folder, and what the page's own function says. @param {File} file @param {UploadOptions} options */
export function metadataOf(file, { metadata }) {
  const { webkitRelativePath: relativePath } = file;
  try {
    const own = typeof metadata === "function" ? metadata(file) : undefined;
    return relativePath ? { relativePath, ...own } : own;
  } catch (cause) {
    throw UploadError.from(cause, "CLIENT_ERROR");
  }
}

/** The input of initiateUpload. @param {{file: File, checksum?: string | null, metadata?: Record<string, unknown>}[]} uploads @param {UploadOptions} options */
export function reservationOf(uploads, { fileManagerId, groupId, metadata, atomic, isPublic }) {
  const files = uploads.map(({ file: { name: filename, type: contentType, size }, checksum, metadata }) => {
    return { filename, contentType, size, checksum, metadata, isPublic };
  });
  // 128 random bits; randomUUID is missing where a page is not served securely.
  const idempotencyKey = crypto.getRandomValues(new Uint32Array(4)).join("-");
  return { files, fileManagerId, groupId, metadata: typeof metadata === "function" ? undefined : metadata, atomic, idempotencyKey };
}

/**
 * Makes a request and logs its record, into which `act` writes what became of it. Throws an UploadError for whatever it threw.
 * @template T @param {Omit<RequestRecord, "milliseconds" | "error">} record
 * @param {((record: RequestRecord) => void) | undefined} log
 * @param {(record: Omit<RequestRecord, "milliseconds" | "error">) => Promise<T>} act
 */
export async function recorded(record, log, act) {
  const started = performance.now();
  /** @type {UploadError | null} */ let error = null;
  try {
    return await act(record);
  } catch (cause) {
    throw (error = UploadError.from(cause));
  } finally {
    log?.({ ...record, milliseconds: Math.round(performance.now() - started), error: error && error.message });
  }
}
