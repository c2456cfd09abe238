/** @import {UploadErrorFacts} from "./types.js" */

/** How browsers call a request that got no answer. Their other TypeErrors are mistakes in a program. */
const LOST = /^(Failed to fetch|fetch failed|Load failed|network|terminated|The \w+ connection)/i;
const MISTAKE = /^(Type|Reference|Range|Syntax)Error$/;

/** The one error the uploader throws. */
export class UploadError extends Error {
  /** @param {UploadErrorFacts} facts @param {unknown} [cause] */
  constructor({ code, message, field = null, retryable = false, retryAfterSeconds = null, status = null }, cause) {
    super(message, { cause });
    this.name = "UploadError";
    this.code = code;
    this.field = field;
    this.retryable = retryable;
    this.retryAfterSeconds = retryAfterSeconds;
    /** Of the HTTP response, where there was one without an error of the API. */
    this.status = status;
  }

  /** Whatever was thrown, as an UploadError. @param {any} cause */
  static from(cause) {
    if (cause instanceof UploadError) return cause;
    if (cause?.statusCode) return httpError(cause.statusCode, null, cause);
    if (cause?.networkError || cause?.name === "TimeoutError" || LOST.test(cause?.message))
      return new UploadError({ code: "NETWORK_ERROR", message: "The server could not be reached.", retryable: true }, cause);
    const code = MISTAKE.test(cause?.name) ? "CLIENT_ERROR" : "GRAPHQL_ERROR";
    return new UploadError({ code, message: cause?.message || "The request failed." }, cause);
  }
}

/** True if the same request may be answered otherwise later. @param {number} status */
export function mayPass(status) {
  return status === 408 || status === 429 || status >= 500;
}

/** @param {number} status @param {string | null} retryAfter  the header: seconds or a date @param {unknown} [cause] */
export function httpError(status, retryAfter, cause) {
  const seconds = Number(retryAfter) || Math.max(0, Math.ceil((Date.parse(retryAfter ?? "") - Date.now()) / 1000));
  const message = `The server answered with status ${status}.`;
  return new UploadError({ code: "HTTP_ERROR", message, retryable: mayPass(status), retryAfterSeconds: seconds || null, status }, cause);
}
