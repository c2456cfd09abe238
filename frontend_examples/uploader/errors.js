/** @import {UploadErrorFacts} from "./types.js" */

/** How browsers and bundlers call a request that got no answer, and a module that did not load. Other TypeErrors are mistakes in a program. */
const LOST = /^(Failed to fetch|fetch failed|(error )?load|importing|network|terminated|The \w+ connection)/i;
const MISTAKE = /^(Type|Reference|Range|Syntax)Error$/;

/** The one error the uploader throws. */
export class UploadError extends Error {
  name = "UploadError";
  /** @type {string[] | null} */
  field = null;
  retryable = false;
  /** @type {number | null} */
  retryAfterSeconds = null;
  /** Of the HTTP response, where there was one without an error of the API. @type {number | null} */
  status = null;

  /** @param {UploadErrorFacts} facts @param {unknown} [cause] */
  constructor(facts, cause) {
    super(facts.message, { cause });
    this.code = facts.code;
    Object.assign(this, facts);
  }

  /** Whatever was thrown, as an UploadError. @param {any} cause */
  static from(cause) {
    if (cause instanceof UploadError) return cause;
    const { name, message, statusCode, networkError } = cause ?? {};
    if (statusCode) return httpError(statusCode, null, cause);
    if (networkError || name === "TimeoutError" || LOST.test(message))
      return new UploadError({ code: "NETWORK_ERROR", message: "The server could not be reached.", retryable: true }, cause);
    const code = MISTAKE.test(name) ? "CLIENT_ERROR" : "GRAPHQL_ERROR";
    return new UploadError({ code, message: message || "The request failed." }, cause);
  }
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
