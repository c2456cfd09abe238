import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FileUploader } from "../file-uploader.js";
import { keyOf } from "../memory.js";
import { failure, FakeServer, file, MemoryStorage, remembered } from "./fake-server.js";

const { random } = Math;
beforeEach(() => (Math.random = () => 0));
test.after(() => (Math.random = random));

function uploaderOf(server, storage = null, more = {}) {
  return new FileUploader({ request: server.request, send: server.send, storage, patienceSeconds: 0, ...more });
}

function jsonResponse(body, status = 200) {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

test("the constructor takes the CSRF token, and the default request sends it as JSON with the page's cookies", async (t) => {
  const fetched = t.mock.method(globalThis, "fetch", async () => jsonResponse({ data: { initiateUpload: { success: true, files: [], errors: [] } } }));
  await new FileUploader("token of the form").initiateUpload([file()]);
  const [url, { method, credentials, headers, body }] = fetched.mock.calls[0].arguments;
  assert.deepEqual([url, method, credentials], ["/graphql", "POST", "same-origin"]);
  assert.deepEqual(headers, {
    "Content-Type": "application/json",
    Accept: "application/graphql-response+json, application/json",
    "X-CSRFToken": "token of the form",
  });
  assert.deepEqual(Object.keys(JSON.parse(body)), ["query", "variables"]);
});

test("finalize outlives its page, and nothing else does", async () => {
  const server = new FakeServer({ partSize: 5, window: 1 });
  await uploaderOf(server).uploadFiles([file()]);
  assert.deepEqual(server.names(), ["initiateUpload", "refreshUpload", "finalizeUpload"]);
  assert.deepEqual(server.keptAlive, ["finalizeUpload"]);
});

for (const [characters, keepalive] of [[10, true], [16_000, false]]) {
  test(`a finalize call with ${characters} characters of metadata ${keepalive ? "outlives" : "does not outlive"} its page`, async (t) => {
    const payload = { success: true, file: null, instructions: null, errors: [] };
    const fetched = t.mock.method(globalThis, "fetch", async () => jsonResponse({ data: { finalizeUpload: payload } }));
    await new FileUploader("t").finalizeUpload("token-1", file(), { metadata: { note: "x".repeat(characters) } });
    const [, options] = fetched.mock.calls[0].arguments;
    assert.deepEqual([options.keepalive, options.headers["X-CSRFToken"]], [keepalive, "t"]);
  });
}

test("a page that closes while finalize waits for its next try calls once more before it is gone", async (t) => {
  const page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  t.after(() => delete globalThis.addEventListener);
  const server = new FakeServer();
  const busy = failure("UPLOAD_IN_PROGRESS", "Later.", { retryable: true, retryAfterSeconds: 3600 });
  server.refuse = (name) => (name === "finalizeUpload" && server.names().filter((each) => each === name).length === 1 ? busy : null);
  const uploading = uploaderOf(server).uploadFiles([file()]);
  while (server.names().at(-1) !== "finalizeUpload") await new Promise(setImmediate);

  page.dispatchEvent(new Event("pagehide"));
  for (let turn = 0; turn < 50; turn++) await null; // the page runs no further task, only what its promises go on with

  assert.deepEqual(server.names(), ["initiateUpload", "finalizeUpload", "finalizeUpload"]);
  assert.equal((await uploading)[0].error, null);
});

test("results keep the order of the files when one in the middle is refused", async () => {
  const server = new FakeServer();
  server.fault = async ({ url }) => void (url.includes("token-1") && (await new Promise((resolve) => setTimeout(resolve, 20))));
  const results = await uploaderOf(server).uploadFiles([file("first.txt"), file("refused.exe"), file("last.txt")]);
  assert.deepEqual(results.map(({ file: stored }) => stored?.originalFilename), ["first.txt", undefined, "last.txt"]);
  assert.deepEqual(results.map(({ error }) => error?.code), [undefined, "EXTENSION_NOT_ALLOWED", undefined]);
  assert.deepEqual(results[1].error.field, ["files", "1"]);
});

test("options are passed through", async () => {
  const server = new FakeServer();
  const options = { metadata: { source: "web_upload" }, fileManagerId: "m1", groupId: "g1", isPublic: true, atomic: true };
  await uploaderOf(server).uploadFiles([file()], options);
  const { files, idempotencyKey, ...input } = server.calls[0].input;
  assert.deepEqual(input, { metadata: { source: "web_upload" }, fileManagerId: "m1", groupId: "g1", atomic: true });
  assert.match(idempotencyKey, /^\d+-\d+-\d+-\d+$/);
  assert.equal(files[0].isPublic, true);
});

test("initiateUpload sends the name, type and size of each file", async () => {
  const server = new FakeServer();
  const payload = await uploaderOf(server).initiateUpload([file("a.txt"), file("b.txt", "xyz")]);
  const sent = JSON.parse(JSON.stringify(server.calls[0].input.files));
  assert.deepEqual(sent, [
    { filename: "a.txt", contentType: "text/plain", size: 10 },
    { filename: "b.txt", contentType: "text/plain", size: 3 },
  ]);
  assert.deepEqual(payload.files.map(({ uploadToken }) => uploadToken), ["token-1", "token-2"]);
});

test("uploadFile sends the bytes of a ticket, and finalizes nothing", async () => {
  const server = new FakeServer({ partSize: 4 });
  const uploader = uploaderOf(server);
  const chosen = file();
  const { files } = await uploader.initiateUpload([chosen]);
  await uploader.uploadFile(chosen, files[0]);
  assert.equal(server.text(), "0123456789");
  assert.deepEqual(server.names(), ["initiateUpload"]);
});

test("uploadFile throws what its ticket was refused for", async () => {
  const server = new FakeServer();
  const uploader = uploaderOf(server);
  const { files } = await uploader.initiateUpload([file("refused.exe")]);
  await assert.rejects(uploader.uploadFile(file("refused.exe"), files[0]), { name: "UploadError", code: "EXTENSION_NOT_ALLOWED" });
  assert.equal(server.sent.length, 0);
});

test("an answer without data, as of a client that passes over errors, is no lost network", async () => {
  for (const data of [undefined, null, {}, { initiateUpload: null }]) {
    let calls = 0;
    const uploader = new FileUploader({ request: async () => (calls++, data) });
    await assert.rejects(uploader.initiateUpload([file()]), { name: "UploadError", code: "GRAPHQL_ERROR", retryable: false });
    assert.equal(calls, 1);
  }
});

test("finalizeUpload is called once per success, and its answer is checked", async () => {
  const server = new FakeServer();
  const [{ file: stored }] = await uploaderOf(server).uploadFiles([file()]);
  const finalized = server.calls.filter(({ name }) => name === "finalizeUpload");
  assert.deepEqual(finalized.map(({ input }) => input), [{ uploadToken: "token-1", fileSize: 10 }]);
  assert.equal(stored.uploadStatus, "COMPLETED");

  server.refuse = () => failure("SIZE_MISMATCH", "Another size.");
  await assert.rejects(uploaderOf(server).finalizeUpload("token-1", file()), { name: "UploadError", code: "SIZE_MISMATCH" });
});

test("a refused initiate rejects with the server's error", async () => {
  const server = new FakeServer();
  server.refuse = () => failure("UNAUTHENTICATED", "Sign in to upload.");
  const refusal = { name: "UploadError", code: "UNAUTHENTICATED", message: "Sign in to upload.", retryable: false };
  await assert.rejects(uploaderOf(server).initiateUpload([file()]), refusal);
  await assert.rejects(uploaderOf(server).uploadFiles([..."abcde"].map((name) => file(name))), refusal);
});

for (const [what, answer, code, calls] of [
  ["403", () => jsonResponse({}, 403), "HTTP_ERROR", 1],
  ["a GraphQL error", () => jsonResponse({ errors: [{ message: "Unknown field" }] }, 400), "GRAPHQL_ERROR", 1],
  ["500", () => new Response("<h1>Server Error</h1>", { status: 500 }), "HTTP_ERROR", 6],
  ["a lost network", () => Promise.reject(new TypeError("Failed to fetch")), "NETWORK_ERROR", 6],
]) {
  test(`${what} from the API throws after ${calls} ${calls > 1 ? "tries" : "try"}`, async (t) => {
    const fetched = t.mock.method(globalThis, "fetch", async () => answer());
    await assert.rejects(new FileUploader("t").initiateUpload([file()]), { name: "UploadError", code });
    assert.equal(fetched.mock.callCount(), calls);
  });
}

test("an upload that the storage refuses for good throws", async () => {
  const server = new FakeServer();
  server.fault = async () => 403;
  const uploader = uploaderOf(server);
  const { files } = await uploader.initiateUpload([file()]);
  await assert.rejects(uploader.uploadFile(file(), files[0]), { name: "UploadError", code: "STORAGE_REFUSED" });
});

test("more than fifty files are reserved fifty at a time", async () => {
  const server = new FakeServer();
  const results = await uploaderOf(server).uploadFiles(Array.from({ length: 51 }, (_, index) => file(`${index}.txt`)));
  assert.deepEqual(results.map(({ file: stored }) => stored.originalFilename), Array.from({ length: 51 }, (_, index) => `${index}.txt`));
  const batches = server.calls.filter(({ name }) => name === "initiateUpload").map(({ input }) => input.files.length);
  assert.deepEqual(batches, [50, 1]);
});

test("a file manager that takes fewer files in one request gets them in as many as it needs", async () => {
  const server = new FakeServer();
  const names = ["a.txt", "b.txt", "c.txt"];
  const results = await uploaderOf(server).uploadFiles(names.map((name) => file(name)), { filesPerRequest: 2 });
  assert.deepEqual(results.map(({ file: stored }) => stored.originalFilename), names);
  const batches = server.calls.filter(({ name }) => name === "initiateUpload").map(({ input }) => input.files.length);
  assert.deepEqual(batches, [2, 1]);
});

test("a later batch that is refused as a whole does not hide the first", async () => {
  const server = new FakeServer();
  server.refuse = (name, { files }) => (name === "initiateUpload" && files.length === 1 ? failure("RATE_LIMITED", "Later.") : null);
  const results = await uploaderOf(server).uploadFiles(Array.from({ length: 51 }, (_, index) => file(`${index}.txt`)));
  assert.equal(results.filter(({ error }) => error === null).length, 50);
  assert.equal(results[50].error.code, "RATE_LIMITED");
});

test("no files make no request", async () => {
  const server = new FakeServer();
  assert.deepEqual(await uploaderOf(server).uploadFiles([]), []);
  assert.equal(server.calls.length, 0);
});

test("a checksum is declared at initiate and again at finalize", async () => {
  const server = new FakeServer();
  await uploaderOf(server).uploadFiles([file()], { checksum: () => "sha256:00" });
  assert.equal(server.calls[0].input.files[0].checksum, "sha256:00");
  assert.equal(server.calls.at(-1).input.checksum, "sha256:00");
});

test("an unfinished upload of the same file is gone on with after a reload", async () => {
  const storage = new MemoryStorage();
  const server = new FakeServer({ partSize: 5, maxConcurrency: 1 });
  server.fault = async ({ partNumber }) => (partNumber === 2 ? 503 : undefined);
  await uploaderOf(server, storage).uploadFiles([file()]);
  assert.deepEqual([...storage.keys()], [keyOf(file(), {})]);

  server.fault = async () => undefined;
  server.calls = [];
  server.sent = [];
  const [{ error }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.equal(error, null);
  assert.deepEqual(server.names(), ["refreshUpload", "finalizeUpload"]);
  assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [2]);
  assert.equal(storage.size, 0);
});

test("a remembered upload that the server no longer knows starts anew", async () => {
  const storage = new MemoryStorage([[keyOf(file(), {}), remembered("gone")]]);
  const server = new FakeServer();
  const [{ error }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.equal(error, null);
  assert.deepEqual(server.names(), ["refreshUpload", "initiateUpload", "finalizeUpload"]);
});

for (const target of [{ fileManagerId: "m2" }, { fileManagerId: "m1", groupId: "g1" }]) {
  test(`a remembered upload is neither gone on with nor forgotten for ${JSON.stringify(target)}`, async () => {
    const kept = [keyOf(file(), { fileManagerId: "m1" }), remembered("token-1")];
    const storage = new MemoryStorage([kept]);
    const server = new FakeServer();
    await uploaderOf(server, storage).uploadFiles([file()], target);
    assert.deepEqual(server.names(), ["initiateUpload", "finalizeUpload"]);
    assert.deepEqual([...storage], [kept]);
  });
}

test("an upload whose session ended half-way is gone on with after the next sign-in", async () => {
  const storage = new MemoryStorage();
  const server = new FakeServer({ partSize: 5, window: 1 });
  server.refuse = (name) => (name === "refreshUpload" ? failure("UNAUTHENTICATED", "Sign in to upload.") : null);
  const [{ error }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.equal(error.code, "UNAUTHENTICATED");

  server.refuse = () => null;
  const [{ file: stored }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.deepEqual([stored.id, stored.uploadStatus], ["file-1", "COMPLETED"]);
  assert.deepEqual(server.sent.map(({ partNumber }) => partNumber), [1, 2]);
});

test("a storage that is away for a while does not cost the remembered upload", async () => {
  const storage = new MemoryStorage([[keyOf(file(), {}), remembered("token-1")]]);
  const server = new FakeServer();
  await uploaderOf(server).initiateUpload([file()]);
  server.calls = [];
  server.refuse = () => failure("STORAGE_UNAVAILABLE", "Later.", { retryable: true });
  const [{ error }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.deepEqual([error.code, error.retryable], ["STORAGE_UNAVAILABLE", true]);
  assert.deepEqual(server.names(), Array(6).fill("refreshUpload"));

  server.refuse = () => null;
  const [{ file: stored }] = await uploaderOf(server, storage).uploadFiles([file()]);
  assert.deepEqual([stored.id, server.uploads.size], ["file-1", 1]);
});

test("the same file chosen again while it is on its way is one upload; two files of one choice are two", async () => {
  const server = new FakeServer();
  const uploader = uploaderOf(server, new MemoryStorage());
  const chosen = file();
  const calls = [[chosen], [file()], [chosen, chosen]].map((files) => uploader.uploadFiles(files));
  assert.deepEqual((await Promise.all(calls)).flat().map(({ file: stored }) => stored.id), Array(4).fill("file-1"));
  const twice = await uploader.uploadFiles([file(), file()]);
  assert.deepEqual(twice.map(({ file: stored }) => stored.id), ["file-2", "file-3"]);
});

test("an upload is resumed by the id of its file, and only with a file of that size", async () => {
  const server = new FakeServer();
  await uploaderOf(server).initiateUpload([file()]);
  const [{ error }] = await uploaderOf(server).uploadFiles([file("a.txt", "other")], { resumeFileId: "file-1" });
  assert.equal(error.code, "FILE_MISMATCH");
  const [{ file: stored }] = await uploaderOf(server).uploadFiles([file()], { resumeFileId: "file-1" });
  assert.deepEqual([stored.id, stored.uploadStatus], ["file-1", "COMPLETED"]);
});

test("by the id of a file that is complete by now there is nothing left to do", async () => {
  const server = new FakeServer();
  await uploaderOf(server).uploadFiles([file()]);
  server.calls = [];
  const storage = new MemoryStorage();
  const [{ file: stored, error }] = await uploaderOf(server, storage).uploadFiles([file()], { resumeFileId: "file-1" });
  assert.deepEqual([stored.id, stored.uploadStatus, error], ["file-1", "COMPLETED", null]);
  assert.deepEqual([server.names(), storage.size], [["refreshUpload"], 0]);
});
