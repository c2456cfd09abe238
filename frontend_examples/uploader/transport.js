/** @import {SendRequest, UploadRequest} from "./types.js" */
import { lost, UploadError } from "./errors.js";
import { settle } from "./retry.js";

/** A connection that stays silent this long between its first byte and its last counts as lost. */
const SILENT_SECONDS = 60;
/** After the last byte: much of it may still be in buffers on its way. */
const ANSWER_SECONDS = 300;

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
 * @param {UploadRequest} request @param {File} file @param {Parameters<SendRequest>[2]} options @returns {Promise<number>}
 */
export function sendRequest(request, file, { signal, onProgress }) {
  return settle(signal, (done, over, fail, after) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    // Also after its end, where it does nothing.
    over.signal.addEventListener("abort", stop);
    let wasReached = false;
    xhr.open(request.method, request.url);
    for (const { name, value } of request.headers) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      // Not before the first byte: the request may wait for a connection, which the browser gives up by itself.
      if ((wasReached ||= loaded > 0)) after(SILENT_SECONDS, stop);
      onProgress(Math.min(loaded, request.length));
    };
    xhr.upload.onload = () => after(ANSWER_SECONDS, stop);
    // What was lost or stopped has no status.
    xhr.onloadend = () => (xhr.status ? done(xhr.status) : lostConnection(request, file, wasReached).then(fail));
    xhr.send(bodyOf(request, file));
  });
}

/** A refusal by CORS and a file that changed on disk look like a lost network; the last can be told apart. @param {UploadRequest} request @param {File} file @param {boolean} wasReached */
async function lostConnection({ offset }, file, wasReached) {
  try {
    await file.slice(offset, offset + 1).arrayBuffer();
    return lost(undefined, wasReached ? "The connection to the storage was lost." : "The storage could not be reached (network or CORS).");
  } catch (cause) {
    return new UploadError({ code: "FILE_CHANGED", message: "The file changed or cannot be read. Choose it again." }, cause);
  }
}
