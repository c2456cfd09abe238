/**
 * A server and its storage in memory, as the contract describes them: as many parts as the sizes ask for, one window of
 * signed requests at a time. Stands in for `request` and `send` of the uploader.
 */
export class FakeServer {
  uploads = new Map();
  calls = [];
  /** The mutations that were asked to outlive the page. */
  keptAlive = [];
  sent = [];
  running = 0;
  mostRunning = 0;

  constructor({ partSize = Infinity, window = 100, maxConcurrency = 4, ordered = false } = {}) {
    Object.assign(this, { partSize, window, maxConcurrency, ordered });
  }

  /** What to answer instead of the usual; null: the usual. */
  refuse = (_name, _input) => null;
  /** The status of one storage request; may throw or wait. Undefined: 200 and the bytes are kept. */
  fault = async (_request) => undefined;

  request = async (document, { input }, { keepalive } = {}) => {
    const [, name] = document.match(/^mutation \w+\(.*\) {\s+(\w+)\(/);
    this.calls.push({ name, input });
    if (keepalive) this.keptAlive.push(name);
    return { [name]: this.refuse(name, input) ?? this[name](input) };
  };

  send = async (request, file, { signal, onProgress }) => {
    const { token, partNumber } = this.#addressed(request);
    this.sent.push({ token, partNumber });
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      const status = await Promise.race([this.fault(request, signal), aborted(signal)]);
      if (status) return status;
      onProgress(request.length);
      const slice = await file.slice(request.offset, request.offset + request.length).arrayBuffer();
      this.uploads.get(token).parts.set(partNumber, Buffer.from(slice));
      return 200;
    } finally {
      this.running--;
    }
  };

  initiateUpload({ files }) {
    const tickets = files.map((file, index) => this.#ticket(file, index));
    return { success: tickets.every(({ file }) => file), files: tickets, errors: [] };
  }

  refreshUpload({ uploadToken: given, fileId }) {
    const token = given ?? [...this.uploads].find(([, { id }]) => id === fileId)?.[0];
    const upload = this.uploads.get(token);
    if (!upload) return failure("NOT_FOUND", "There is no such upload.");
    const uploadToken = fileId && upload.status === "PENDING" ? token : null;
    return { success: true, file: fileOf(upload), uploadToken, instructions: this.instructions(token), errors: [] };
  }

  finalizeUpload({ uploadToken }) {
    const upload = this.uploads.get(uploadToken);
    const instructions = this.instructions(uploadToken);
    if (instructions) return { ...failure("PARTS_MISSING", "Parts are missing."), instructions };
    upload.status = "COMPLETED";
    return { success: true, file: fileOf(upload), instructions: null, errors: [] };
  }

  abortUpload({ uploadToken }) {
    this.uploads.delete(uploadToken);
    return { success: true, file: null, errors: [] };
  }

  /** The stored bytes of the n-th upload, as text. */
  text(index = 0) {
    const { parts } = [...this.uploads.values()][index];
    return Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)).toString();
  }

  names() {
    return this.calls.map(({ name }) => name);
  }

  instructions(token) {
    const { size, parts } = this.uploads.get(token);
    const partSize = Math.min(this.partSize, size);
    const totalParts = Math.ceil(size / partSize);
    const missing = Array.from({ length: totalParts }, (_, index) => index + 1).filter((number) => !parts.has(number));
    if (!missing.length) return null;
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

  #ticket({ filename, size }, index) {
    const refusal = error("EXTENSION_NOT_ALLOWED", "This type is not allowed.", { field: ["files", String(index)] });
    if (filename.startsWith("refused")) return { index, file: null, uploadToken: null, instructions: null, errors: [refusal] };
    const token = `token-${this.uploads.size + 1}`;
    this.uploads.set(token, { id: `file-${this.uploads.size + 1}`, filename, size, parts: new Map(), status: "PENDING" });
    return { index, file: fileOf(this.uploads.get(token)), uploadToken: token, instructions: this.instructions(token), errors: [] };
  }

  #addressed({ url, partNumber }) {
    return { token: url.split("/").at(-2), partNumber };
  }
}

export function error(code, message, more = {}) {
  return { code, message, field: null, retryable: false, retryAfterSeconds: null, ...more };
}

export function failure(code, message, more) {
  return { success: false, file: null, files: [], instructions: null, errors: [error(code, message, more)] };
}

/** As the uploader remembers it. */
export function remembered(uploadToken, more) {
  return JSON.stringify({ uploadToken, fileSize: 10, expiresAt: "2999-01-01T00:00:00Z", ...more });
}

export function file(name = "a.txt", content = "0123456789") {
  return new File([content], name, { type: "text/plain", lastModified: 1 });
}

/** localStorage, without a browser. */
export class MemoryStorage extends Map {
  get length() {
    return this.size;
  }
  key(index) {
    return [...this.keys()][index];
  }
  getItem(key) {
    return this.get(key) ?? null;
  }
  setItem(key, value) {
    this.set(key, value);
  }
  removeItem(key) {
    this.delete(key);
  }
}

function fileOf({ id, filename, size, status }) {
  return { id, originalFilename: filename, fileSize: size, uploadStatus: status, expiresAt: "2999-01-01T00:00:00Z" };
}

function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
