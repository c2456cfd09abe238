import { sendRequest, UploadError } from "../uploader/file-uploader.js";
import { byId } from "./dom.js";

/** @import {UploadRequest, SendRequest} from "../uploader/types.js" */

const WRONG_CHECKSUM = `sha256:${"0".repeat(64)}`;
const SIGNED_VALUE_MIN_LENGTH = 40;

/** Breaks uploads on purpose: stands between the uploader and the network. */
export class FailureLab {
  #cut = false;
  #expire = false;
  #corrupt = false;

  /** @param {(sentence: string) => void} say */
  constructor(say) {
    toggle("lab-network", (on) => {
      this.#cut = on;
      say(on ? "The network to the storage is cut." : "The network to the storage is back.");
    });
    toggle("lab-checksum", (on) => {
      this.#corrupt = on;
      say(on ? "Files chosen from now on declare a wrong checksum." : "Checksums are right again.");
    });
    byId("lab-expire", HTMLButtonElement).addEventListener("click", () => {
      this.#expire = true;
      say("The next request goes out with a broken signature.");
    });
  }

  /** @type {SendRequest} */
  send = async (request, file, options) => {
    const sent = this.#expire ? broken(request) : request;
    this.#expire = false;
    if (!this.#cut) return sendRequest(sent, file, options);
    throw new UploadError({ code: "NETWORK_ERROR", message: "The network is cut (failure lab).", retryable: true });
  };

  /** What to declare instead of the right checksum; undefined: nothing is wrong. @returns {(() => string) | undefined} */
  get checksum() {
    return this.#corrupt ? () => WRONG_CHECKSUM : undefined;
  }
}

/** @param {string} id @param {(on: boolean) => void} set */
function toggle(id, set) {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    set(on);
  });
}

/** As an expired one would be: the storage no longer accepts its signature. @param {UploadRequest} request @returns {UploadRequest} */
function broken(request) {
  const fields = request.fields.map(({ name, value }) => ({ name, value: value.length < SIGNED_VALUE_MIN_LENGTH ? value : `${value.slice(0, -1)}!` }));
  return { ...request, url: request.fields.length ? request.url : `${request.url}x`, fields };
}
