/** @import {UploadErrorCode, UploadErrorFacts} from "./types.js" */

/** How a lost network is called where a page's own function met it. */
const LOST = /^(Failed to fetch|fetch failed|load failed|network( (?!is )|error when))/i;
const MISTAKE = /^(Type|Reference|Range|Syntax)Error$/;

/** The one error the uploader throws. */
export class UploadError extends Error {
  name = "UploadError";
  /** @type {string[] | null} */ field = null;
  retryable = false;
  /** @type {number | null} */ retryAfterSeconds = null;
  /** Of the HTTP response, where there was one without an error of the API. @type {number | null} */ status = null;

  /** @param {UploadErrorFacts} facts @param {unknown} [cause] */
  constructor(facts, cause) {
    super(facts.message, { cause });
    this.code = facts.code;
    Object.assign(this, facts);
  }

  /** Whatever was thrown, as an UploadError. @param {any} cause @param {UploadErrorCode} [usual]  of what says no more */
  static from(cause, usual = "GRAPHQL_ERROR") {
    if (cause instanceof UploadError) return cause;
    const { name, message, stack, statusCode, networkError } = cause ?? {};
    if (statusCode) return httpError(statusCode, null, cause);
    // Safari uses the words of its user's language, and only what a program throws has a stack there.
    if (networkError || name === "TimeoutError" || LOST.test(message) || (name === "TypeError" && !stack)) return lost(cause);
    const code = MISTAKE.test(name) ? "CLIENT_ERROR" : usual;
    return new UploadError({ code, message: message || "The request failed." }, cause);
  }
}

/** For what got no answer. @param {unknown} [cause] @param {string} [message] */
export function lost(cause, message = "The server could not be reached.") {
  return new UploadError({ code: "NETWORK_ERROR", message, retryable: true }, cause);
}

/** True if the same request may be answered otherwise later. @param {number} status */
export function mayPass(status) {
  return status === 408 || status === 429 || status >= 500;
}

/** @param {number} status @param {string | null} retryAfter  the header: seconds or a date @param {unknown} [cause] */
export function httpError(status, retryAfter, cause) {
  const seconds = Math.ceil(Number(retryAfter) || (Date.parse(retryAfter ?? "") - Date.now()) / 1000);
  const retryAfterSeconds = seconds > 0 ? seconds : null;
  const message = `The server answered with status ${status}.`;
  return new UploadError({ code: "HTTP_ERROR", message, retryable: mayPass(status), retryAfterSeconds, status }, cause);
}
