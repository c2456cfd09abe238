/** @import {UploadErrorFacts} from "./types.js" */

/**
 * The one error the uploader throws. `code` is the API's, or one of: NETWORK_ERROR, HTTP_ERROR, GRAPHQL_ERROR,
 * STORAGE_REFUSED, NO_PROGRESS, FILE_CHANGED, FILE_MISMATCH, CHECKSUM_UNAVAILABLE, BATCH_REFUSED, CANCELLED.
 */
export class UploadError extends Error {
  /** @param {UploadErrorFacts} facts @param {unknown} [cause] */
  constructor({ code, message, field = null, retryable = false, retryAfterSeconds = null }, cause) {
    super(message, { cause });
    this.name = "UploadError";
    this.code = code;
    this.field = field;
    this.retryable = retryable;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whatever was thrown, as an UploadError. @param {any} cause */
  static from(cause) {
    if (cause instanceof UploadError) return cause;
    if (cause?.statusCode) return httpError(cause.statusCode, null, cause);
    if (cause instanceof TypeError || cause?.networkError || cause?.name === "TimeoutError")
      return new UploadError({ code: "NETWORK_ERROR", message: "The server could not be reached.", retryable: true }, cause);
    return new UploadError({ code: "GRAPHQL_ERROR", message: cause?.message || "The request failed." }, cause);
  }
}

/** @param {number} status @param {string | null} retryAfter  the header @param {unknown} [cause] */
export function httpError(status, retryAfter, cause) {
  const retryable = status === 408 || status === 429 || status >= 500;
  const message = `The server answered with status ${status}.`;
  return new UploadError({ code: "HTTP_ERROR", message, retryable, retryAfterSeconds: Number(retryAfter) || null }, cause);
}
