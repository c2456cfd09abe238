/** @import {SendRequest, UploadRequest} from "./types.js" */
import { UploadError } from "./errors.js";

/** A connection that stays silent this long counts as lost. */
const SILENT_SECONDS = 60;

/** @param {UploadRequest} request @param {File} file */
export function bodyOf({ offset, length, fields, fileField }, file) {
  // A slice has no type of its own: the browser adds no header that was not signed.
  const slice = file.slice(offset, offset + length);
  if (!fields.length) return slice;
  const form = new FormData();
  for (const { name, value } of fields) form.append(name, value);
  form.append(fileField ?? "file", slice, file.name);
  return form;
}

/**
 * Sends one slice with XMLHttpRequest, the only way to hear about sent bytes. Needs no cookie and reads no body.
 * @type {SendRequest}
 */
export function sendRequest(request, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    const lost = () => void lostConnection(request, file).then(reject);
    /** @type {ReturnType<typeof setTimeout>} */
    let silence;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(stop, SILENT_SECONDS * 1000);
    };
    xhr.open(request.method, request.url);
    for (const { name, value } of request.headers) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      listen();
      onProgress(Math.min(event.loaded, request.length));
    };
    xhr.onload = () => resolve(xhr.status);
    xhr.onerror = lost;
    xhr.onabort = () => (signal.aborted ? reject(signal.reason) : lost());
    xhr.onloadend = () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop);
    listen();
    xhr.send(bodyOf(request, file));
  });
}

/** A refusal by CORS and a file that changed on disk look like a lost network; the last can be told apart. @param {UploadRequest} request @param {File} file */
async function lostConnection({ offset }, file) {
  try {
    await file.slice(offset, offset + 1).arrayBuffer();
    return new UploadError({ code: "NETWORK_ERROR", message: "The storage could not be reached (network or CORS).", retryable: true });
  } catch (cause) {
    return new UploadError({ code: "FILE_CHANGED", message: "The file changed or cannot be read. Choose it again." }, cause);
  }
}
