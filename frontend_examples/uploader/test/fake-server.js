/** @import {FileUploaderOptions, Payload, RemoteFile, Ticket, UploadErrorCode, UploadErrorFacts, UploadInstructions, UploadRequest, GraphQLRequest, SendRequest, Unfinished} from "../types.js" */
import { FileUploader } from "../file-uploader.js";
import { settle } from "../retry.js";

/** @typedef {{id: string, filename: string, size: number, parts: Map<number, Uint8Array>, status: RemoteFile["uploadStatus"]}} Stored */

/**
 * A server and its storage in memory, as the contract describes them: as many parts as the sizes ask for, one window of
 * signed requests at a time. Stands in for `request` and `send` of the uploader, and refuses files named "refused...".
 */
export class FakeServer {
  /** By token. @type {Map<string, Stored>} */ uploads = new Map();
  /** @type {{name: string, input: any}[]} */ calls = [];
  /** The mutations that were asked to outlive the page. @type {string[]} */ keptAlive = [];
  /** @type {{token: string, partNumber: number}[]} */ sent = [];
  partSize = Infinity;
  window = 100;
  maxConcurrency = 4;
  ordered = false;
  running = 0;
  mostRunning = 0;

  /** @param {{partSize?: number, window?: number, maxConcurrency?: number, ordered?: boolean}} [shape] */
  constructor(shape) {
    Object.assign(this, shape);
  }

  /** What to answer instead of the usual; null: the usual. @type {(name: string, input: any) => Payload | null | void} */
  refuse = () => null;
  /** The status of one storage request; may throw or wait. Undefined: 200 and the bytes are kept. @type {(request: UploadRequest, signal: AbortSignal) => any} */
  fault = async () => undefined;

  /** @type {GraphQLRequest} */
  request = async (document, { input }, { keepalive } = {}) => {
    const name = /** @type {"initiateUpload"} */ (document.match(/^mutation \w+\(.*\) {\s+(\w+)\(/)?.[1]);
    this.calls.push({ name, input });
    if (keepalive) this.keptAlive.push(name);
    return { [name]: this.refuse(name, input) ?? this[name](/** @type {any} */ (input)) };
  };

  /** @type {SendRequest} */
  send = async (request, file, { signal, onProgress }) => {
    const { partNumber } = request;
    const token = request.url.split("/").at(-2) ?? "";
    this.sent.push({ token, partNumber });
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      const status = await settle(signal, (done, _, fail) => (async () => this.fault(request, signal))().then(done, fail));
      if (status) return status;
      onProgress(request.length);
      const slice = await file.slice(request.offset, request.offset + request.length).arrayBuffer();
      this.#stored(token).parts.set(partNumber, new Uint8Array(slice));
      return 200;
    } finally {
      this.running--;
    }
  };

  /** @param {{files: {filename: string, size: number}[]}} input @returns {Payload} */
  initiateUpload({ files }) {
    const tickets = files.map((file, index) => this.#ticket(file, index));
    return { success: tickets.every(({ file }) => file), files: tickets, errors: [] };
  }

  /** @param {{uploadToken?: string, fileId?: string}} input @returns {Payload} */
  refreshUpload({ uploadToken: given, fileId }) {
    const token = given ?? [...this.uploads].find(([, { id }]) => id === fileId)?.[0] ?? "";
    const upload = this.uploads.get(token);
    if (!upload) return failure("NOT_FOUND", "There is no such upload.");
    const uploadToken = fileId && upload.status === "PENDING" ? token : null;
    return { success: true, file: fileOf(upload), uploadToken, instructions: this.instructions(token), errors: [] };
  }

  /** @param {{uploadToken: string}} input @returns {Payload} */
  finalizeUpload({ uploadToken }) {
    const upload = this.#stored(uploadToken);
    const instructions = this.instructions(uploadToken);
    if (instructions) return { ...failure("PARTS_MISSING", "Parts are missing."), instructions };
    upload.status = "COMPLETED";
    return { success: true, file: fileOf(upload), instructions: null, errors: [] };
  }

  /** @param {{uploadToken: string}} input @returns {Payload} */
  abortUpload({ uploadToken }) {
    this.uploads.delete(uploadToken);
    return { success: true, file: null, errors: [] };
  }

  /** The stored bytes of the first upload, as text. */
  text() {
    const [{ parts }] = this.uploads.values();
    return [...parts].sort(([a], [b]) => a - b).map(([, bytes]) => new TextDecoder().decode(bytes)).join("");
  }

  names() {
    return this.calls.map(({ name }) => name);
  }

  /** What the calls of one mutation asked for. @param {string} name */
  inputs(name) {
    return this.calls.filter((call) => call.name === name).map(({ input }) => input);
  }

  /** Uploads to this server, remembers nothing and soon gives up, unless told otherwise. @param {FileUploaderOptions} [options] */
  uploader(options) {
    return new FileUploader({ request: this.request, send: this.send, storage: null, patienceSeconds: 0, ...options });
  }

  /** @param {string} token @returns {UploadInstructions | null} */
  instructions(token) {
    const { size, parts } = this.#stored(token);
    const partSize = Math.min(this.partSize, size);
    const totalParts = Math.ceil(size / partSize);
    const missing = Array.from({ length: totalParts }, (_, index) => index + 1).filter((number) => !parts.has(number));
    if (!missing.length) return null;
    /** @type {UploadRequest[]} */
    const requests = missing.slice(0, this.window).map((partNumber) => ({
      partNumber,
      offset: (partNumber - 1) * partSize,
      length: Math.min(partSize, size - (partNumber - 1) * partSize),
      method: "PUT",
      url: `https://storage.test/${token}/${partNumber}`,
      headers: [],
      fields: [],
      fileField: null,
      successStatus: [200],
    }));
    const { ordered, maxConcurrency } = this;
    return { requests, ordered, maxConcurrency, partSize, totalParts, hasMore: missing.length > requests.length, expiresAt: "2026-01-01T00:00:00Z" };
  }

  /** @param {{filename: string, size: number}} declared @param {number} index @returns {Ticket} */
  #ticket({ filename, size }, index) {
    if (filename.startsWith("refused")) return failure("EXTENSION_NOT_ALLOWED", "This type is not allowed.", { field: ["files", String(index)] });
    const token = `token-${this.uploads.size + 1}`;
    this.uploads.set(token, { id: `file-${this.uploads.size + 1}`, filename, size, parts: new Map(), status: "PENDING" });
    return { file: fileOf(this.#stored(token)), uploadToken: token, instructions: this.instructions(token), errors: [] };
  }

  /** @param {string} token */
  #stored(token) {
    return /** @type {Stored} */ (this.uploads.get(token));
  }
}

/** @param {UploadErrorCode} code @param {string} message @param {Partial<UploadErrorFacts>} [more] */
export function failure(code, message, more) {
  return { success: false, file: null, files: [], instructions: null, errors: [{ code, message, field: null, retryable: false, retryAfterSeconds: null, ...more }] };
}

/** As the uploader remembers it. @param {string} uploadToken @param {Partial<Unfinished>} [more] */
export function remembered(uploadToken, more) {
  return JSON.stringify([{ fileId: `file of ${uploadToken}`, uploadToken, fileSize: 10, expiresAt: "2999-01-01T00:00:00Z", ...more }]);
}

export function file(name = "a.txt", content = "0123456789") {
  return new File([content], name, { type: "text/plain", lastModified: 1 });
}

/** localStorage, without a browser. @extends {Map<string, string>} @implements {Storage} */
export class MemoryStorage extends Map {
  get length() {
    return this.size;
  }
  key = (/** @type {number} */ index) => [...this.keys()][index] ?? null;
  getItem = (/** @type {string} */ key) => this.get(key) ?? null;
  setItem = (/** @type {string} */ key, /** @type {string} */ value) => void this.set(key, value);
  removeItem = (/** @type {string} */ key) => void this.delete(key);
}

/** @param {Stored} stored @returns {RemoteFile} */
function fileOf({ id, filename, size, status }) {
  return /** @type {RemoteFile} */ ({ id, originalFilename: filename, fileSize: size, uploadStatus: status, expiresAt: "2999-01-01T00:00:00Z" });
}
