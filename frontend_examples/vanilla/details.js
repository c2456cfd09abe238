/** @import {RequestRecord} from "../uploader/types.js" */
import { element, setText } from "./dom.js";
import { bytesText, dateText } from "./format.js";
import { redact, redactUrl } from "./redact.js";

/** What happened to one file: facts, who saw its bytes, and every request that was made for it, without secrets. */
export class Details {
  #facts = element("dl", {});
  #sentence = element("p", { hidden: true });
  #requests = element("ol", { class: "requests" });
  /** Bytes that each host took. @type {Map<string, number>} */
  #hosts = new Map();
  element = element("div", { class: "details" }, this.#facts, this.#sentence, this.#requests);

  /** @param {RequestRecord[]} records @param {import("./server.js").ListedFile | null} file */
  constructor(records, file) {
    records.forEach((record) => this.add(record));
    if (file) this.showFacts(file);
  }

  /** @param {import("./server.js").ListedFile} file */
  showFacts({ id, originalFilename, contentType, checksum, checksumVerified, created, fileManager }) {
    const facts = [
      ["Name", originalFilename],
      ["Id", id],
      ["Type", contentType || "unknown"],
      ["Storage", fileManager?.name ?? "unknown"],
      ["Checksum", checksum ? `${checksum}${checksumVerified ? " (verified)" : " (declared)"}` : "none"],
      ["Added", dateText(created)],
    ];
    this.#facts.replaceChildren(...facts.flatMap(([term, fact]) => [element("dt", {}, term), element("dd", {}, fact)]));
  }

  /** @param {RequestRecord} record */
  add(record) {
    if (record.request) this.#count(record.request.url, record.status && !record.error ? record.request.length : 0);
    this.#requests.append(record.request ? storageItem(record) : graphqlItem(record));
  }

  /** @param {string} url @param {number} bytes */
  #count(url, bytes) {
    const { host } = new URL(url, location.href);
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + bytes);
    const ours = this.#hosts.get(location.host) ?? 0;
    const others = [...this.#hosts].filter(([name]) => name !== location.host);
    const direct = others.map(([name, sent]) => `${bytesText(sent)} went straight to ${name}.`);
    setText(this.#sentence, [`Your server saw ${bytesText(ours)} of this file.`, ...direct].join(" "));
    this.#sentence.hidden = false;
  }
}

/** @param {RequestRecord} record */
function storageItem({ name, request, status, milliseconds, error }) {
  if (!request) return element("li", {});
  const { partNumber, offset, length } = request;
  const slice = `part ${partNumber}, ${bytesText(length)} from ${bytesText(offset)}`;
  const outcome = `${status || "no answer"}, ${milliseconds} ms`;
  return item(error, name, redactUrl(request.url), outcome, element("small", {}, error ? `${slice}. ${error}` : slice));
}

/** @param {RequestRecord} record */
function graphqlItem({ name, input, reply, milliseconds, error }) {
  const body = element("pre", { tabIndex: 0 }, JSON.stringify({ input: redact(input), reply: redact(reply) }, null, 2));
  const both = element("details", {}, element("summary", { "aria-label": `Request and reply of ${name}` }, "Request and reply"), body);
  const outcome = `${error ? "error" : "ok"}, ${milliseconds} ms`;
  return item(error, "GraphQL", name, outcome, ...(error ? [element("small", {}, error)] : []), both);
}

/** @param {string | null} error @param {string} kind @param {string} target @param {string} outcome @param {...HTMLElement} more */
function item(error, kind, target, outcome, ...more) {
  const headline = element("p", {}, element("b", {}, kind), " ", element("code", {}, target), ` ${outcome}`);
  return element("li", { class: error ? "bad" : "good" }, headline, ...more);
}
