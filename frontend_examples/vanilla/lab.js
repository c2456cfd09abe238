import { sendRequest, UploadError } from "../uploader/file-uploader.js";
import { byId } from "./dom.js";
/** @import {UploadRequest, SendRequest} from "../uploader/types.js" */

const WRONG_CHECKSUM = `sha256:${"0".repeat(64)}`;
const SIGNED_VALUE_MIN_LENGTH = 40;

/** Breaks uploads on purpose: stands between the uploader and the network. */
export class FailureLab {
  #broken = byId("lab", HTMLSelectElement);

  /** @type {SendRequest} */
  send = async (request, file, options) => {
    if (this.#broken.value === "network") throw new UploadError({ code: "NETWORK_ERROR", message: "The network is cut (failure lab).", retryable: true });
    if (this.#broken.value !== "signature") return sendRequest(request, file, options);
    this.#broken.value = "";
    return sendRequest(broken(request), file, options);
  };

  /** What to declare instead of the right checksum; undefined: nothing is wrong. @returns {(() => string) | undefined} */
  get checksum() {
    return this.#broken.value === "checksum" ? () => WRONG_CHECKSUM : undefined;
  }
}

/** As an expired one would be: the storage no longer accepts its signature. @param {UploadRequest} request @returns {UploadRequest} */
function broken(request) {
  const fields = request.fields.map(({ name, value }) => ({ name, value: value.length < SIGNED_VALUE_MIN_LENGTH ? value : `${value.slice(0, -1)}!` }));
  return { ...request, url: request.fields.length ? request.url : `${request.url}x`, fields };
}
